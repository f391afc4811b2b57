/** `npm run rename -- NAME`: the clone gets its own name, wherever the template's stands. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE = `npm run rename -- NAME

Gives this clone its name: package, image, manifests, dashboard, proxies, client configurations and documents. NAME is of
small letters, digits and "-", and begins with a letter. Metrics keep their names. Commit first: the difference is then
easy to look at.

Exit code: 0, 1 when nothing has the template's name any more, 64 for a wrong argument.
`;
const EXIT_USAGE = 64; // sysexits.h EX_USAGE

/** Names of Kubernetes objects are made from it, and end at 63 characters. */
const MAX_LENGTH = 30;

/** Longest first: the second is a part of the first. */
const OLD = /\bmcp-server-template\b|\bmcp-server\b|\bMCP server template\b/g;
/** The licence names who wrote the template; these two know its name so that it can be changed. */
const KEPT = ['LICENSE', 'scripts/rename.ts', 'test/scripts/rename.test.ts'];
const SKIPPED = ['node_modules', '.git', 'dist', 'coverage'];

function main(name: string): void {
  const changed = filesIn('.').filter((path) => !KEPT.includes(path) && replaceIn(path, name));
  const renamed = filesIn('.').filter((path) => basename(path).includes('mcp-server'));
  for (const path of renamed) renameSync(path, join(dirname(path), basename(path).replaceAll(OLD, name)));
  if (changed.length === 0) throw new Error('Nothing here has the name of the template any more.');
  // Lines may have become longer or shorter.
  execFileSync(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', '.'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  process.stdout.write(
    `${changed.length} files now say ${name}. Next: npm test, and set your own registry in the image.\n`,
  );
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.includes(entry.name)) return [];
    const path = join(folder, entry.name).replaceAll('\\', '/');
    if (entry.isDirectory()) return filesIn(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Whether there was something to replace; what is no text is left alone. */
function replaceIn(path: string, name: string): boolean {
  const bytes = readFileSync(path);
  if (bytes.includes(0)) return false;
  const before = bytes.toString('utf8');
  const after = before.replaceAll(OLD, name);
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
  if (rest.length > 0 || name.length > MAX_LENGTH || !/^[a-z](?:-?[a-z0-9])*$/.test(name)) {
    throw new Error(`Give one name of small letters, digits and "-", at most ${MAX_LENGTH} characters.`);
  }
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
