/** `npm run rename -- NAME`: gives the clone a name, in package.json and in every text with the current one. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { NAME } from './name.js';
import { isName, NAME_RULE, NAMED, withName, wordFor } from './rename/with-name.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const USAGE = `npm run rename -- NAME

Gives this clone its name: package, image, manifests, dashboard, proxies, client configurations and documents. NAME is of
small letters, digits and "-", and begins with a letter. Metrics keep their names. Commit first: the difference is then
easy to look at.

Exit code: 0, 1 when these files already use NAME for something else, 64 for a wrong argument.
`;

function main(name: string): void {
  if (name === NAME) return void process.stdout.write(`This is ${name} already.\n`);
  const files = NAMED.filter((path) => existsSync(path)).flatMap(textsIn);
  // If a text already contains the new name, a later rename would change that too.
  const taken = files.filter((path) => wordFor(name).test(readFileSync(path, 'utf8')));
  if (taken.length > 0)
    throw new Error(`${name} already means something in ${taken.join(', ')}: choose a longer name.`);
  const changed = files.filter((path) => replaceIn(path, name));
  // The length of lines may have changed.
  execFileSync(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', '.'], {
    stdio: 'ignore',
  });
  process.stdout.write(
    `${changed.length} files now say ${name}. Next: npm test, and set your own registry in the image.\n`,
  );
}

function textsIn(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return readFileSync(path).includes(0) ? [] : [path];
  const names = readdirSync(path).filter((name) => name !== 'node_modules');
  return names.flatMap((name) => textsIn(`${path}/${name}`));
}

/** @returns whether there was something to replace */
function replaceIn(path: string, name: string): boolean {
  const before = readFileSync(path, 'utf8');
  const after = withName(before, NAME, name);
  if (after === before) return false;
  writeFileSync(path, after);
  return true;
}

function readName(): string | undefined {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.help) return undefined;
  const [name = '', ...rest] = positionals;
  if (rest.length > 0 || !isName(name)) throw new Error(NAME_RULE);
  return name;
}

function readUsage(): string | undefined {
  try {
    return readName();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee: npm run rename -- --help\n`);
    process.exit(EXIT_USAGE);
  }
}

const name = readUsage();
try {
  if (name === undefined) process.stdout.write(USAGE);
  else main(name);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
