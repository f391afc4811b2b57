/** What stands in a folder, and a folder that stands for somebody else's clone. */
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths below the folder, in order. */
export const listed = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

/** Each path with what changes when it is written to, even by somebody who sets the times back. */
export const states = (folder: string): readonly string[] =>
  listed(folder).map((path) => {
    const { mode, size, mtimeMs, ctimeMs } = lstatSync(join(folder, path));
    return [path, mode, size, mtimeMs, ctimeMs].join(' ');
  });

export const isExecutable = (path: string) => {
  const stats = lstatSync(path);
  return stats.isFile() && (stats.mode & 0o111) !== 0;
};

/** Kind, permissions and owner, such as `100644 0:0`. */
export const modeOf = (path: string) => {
  const { mode, uid, gid } = lstatSync(path);
  return `${mode.toString(8)} ${uid}:${gid}`;
};

const SOURCES = [
  'src',
  'examples',
  'deploy',
  'package.json',
  'package-lock.json',
  'LICENSE',
  '.dockerignore',
];
const BESIDE = [
  '.env',
  '.npmrc',
  'api-keys.json',
  'src/.env',
  'deploy/compose/secrets/redis-url',
  '.git/config',
];

/** The same sources: of another age, readable by nobody else, with a secret in every place where one may lie. */
export function anotherClone(root: string, folder: string, secret: string): string {
  for (const name of [...SOURCES, 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(join(root, name), join(folder, name), {
      recursive: true,
      filter: (path) => !/node_modules|secrets/.test(path.slice(root.length)),
    });
  for (const name of BESIDE) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), secret);
  }
  for (const path of listed(folder)) {
    const isFolder = lstatSync(join(folder, path)).isDirectory();
    chmodSync(join(folder, path), isFolder ? 0o700 : 0o600);
    utimesSync(join(folder, path), 1e9, 1e9);
  }
  return folder;
}
