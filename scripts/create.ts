/** `npm run create -- FOLDER --name NAME`: makes a clone to begin with. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isName, NAME_RULE } from './rename/with-name.js';
import { TEMPLATE_FILE, type Template } from './template/ownership.js';
import { gitIn } from './upgrade/git.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const USAGE = `npm run create -- FOLDER --name NAME [--samples]

Makes a server of your own in FOLDER from the last commit here: with its name, without the samples, as a git repository with
one commit. FOLDER must be empty or absent. NAME has only lower-case letters, digits and "-".

  --samples  keeps the sample tools, their documents and the demo

Exit code: 0, 1 when it could not be made, 64 for a wrong argument.
`;

class UsageError extends Error {}

function main(folder: string, name: string, keepsSamples: boolean): void {
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error('The folder is not empty.');
  mkdirSync(folder, { recursive: true });
  try {
    fill(realpathSync(folder), name, keepsSamples);
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  process.stdout.write(`${name} is in ${folder}. Next:\n  cd ${folder}\n  npm ci && npm test\n  npm start\n`);
}

function fill(folder: string, name: string, keepsSamples: boolean): void {
  const git = gitIn(folder);
  copyCommitted(git.folder);
  // For the commands below; later, npm ci installs the clone's own.
  const packages = join(git.folder, 'node_modules');
  symlinkSync(resolve('node_modules'), packages, 'junction');
  const run = (...args: string[]) =>
    execFileSync(process.execPath, ['--import', 'tsx', ...args], {
      cwd: git.folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  try {
    if (!keepsSamples) run('scripts/new.ts', '--remove-samples');
    run('scripts/rename.ts', name);
  } finally {
    rmSync(packages);
  }
  git(['init', '-q', '-b', 'main']);
  git(['add', '-A']);
  git(['commit', '-q', '-m', `feat: ${name}, made from the template`]);
}

/** Records the template's commit, so that an upgrade knows where the clone began. */
function copyCommitted(folder: string): void {
  const here = gitIn(process.cwd());
  const index = join(folder, '.index');
  const env = { ...process.env, GIT_INDEX_FILE: index };
  const git = (...args: string[]) =>
    execFileSync('git', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  git('read-tree', 'HEAD');
  git('checkout-index', '-a', `--prefix=${folder}/`);
  rmSync(index);
  const file = join(folder, TEMPLATE_FILE);
  const template = JSON.parse(readFileSync(file, 'utf8')) as Template;
  const commit = here(['rev-parse', 'HEAD']);
  writeFileSync(file, `${JSON.stringify({ ...template, commit }, null, 2)}\n`);
}

function readArguments() {
  const options = {
    name: { type: 'string' },
    samples: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function create(): void {
  const { values, positionals } = readArguments();
  if (values.help) return void process.stdout.write(USAGE);
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0) throw new UsageError('Give one folder.');
  if (!isName(values.name ?? '')) throw new UsageError(NAME_RULE);
  main(folder, values.name ?? '', values.samples === true);
}

try {
  create();
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.stderr.write(`${(error as Error).message}\n${isUsage ? 'See: npm run create -- --help\n' : ''}`);
  process.exitCode = isUsage ? EXIT_USAGE : 1;
}
