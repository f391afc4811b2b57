/** A stand-in for the base image, which only a registry has: this machine's Node and npm, and the programs that the build calls. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PROGRAMS = [
  'node',
  'sh',
  'bash',
  'ldd',
  'env',
  'awk',
  'xargs',
  'cp',
  'rm',
  'mkdir',
  'chmod',
  'install',
];
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

const output = (program: string, ...args: readonly string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
const pathOf = (program: string) => realpathSync(output('sh', '-c', 'command -v "$0"', program));

/** Writes the files of the image and the `Dockerfile` beside them. @returns the folder to build it from */
export function standInBase(folder: string): string {
  const root = join(folder, 'root');
  const put = (from: string, to: string) =>
    cpSync(from, join(root, to), { recursive: true, dereference: true });
  for (const name of ['tmp', 'root', 'usr/bin', 'usr/lib']) mkdirSync(join(root, name), { recursive: true });
  for (const program of PROGRAMS) {
    put(pathOf(program), `usr/bin/${program}`);
    for (const library of librariesOf(pathOf(program))) put(library, library);
  }
  symlinkSync('usr/bin', join(root, 'bin'));
  put(dirname(dirname(pathOf('npm'))), 'usr/lib/npm');
  symlinkSync('../lib/npm/bin/npm-cli.js', join(root, 'usr/bin/npm'));
  const env = [`npm_config_registry=${output('npm', 'config', 'get', 'registry')}`];
  if (existsSync(AUTHORITIES)) {
    put(AUTHORITIES, AUTHORITIES);
    env.push(`npm_config_cafile=${AUTHORITIES}`);
  }
  writeFileSync(join(folder, 'Dockerfile'), `FROM scratch\nCOPY root /\nENV ${env.join(' ')}\n`);
  return folder;
}

/** By the same words as the Dockerfile: `name => path` and the loader. A script has none. */
function librariesOf(file: string): readonly string[] {
  try {
    return [...output('ldd', file).matchAll(/^\s*(?:\S+ => )?(\/\S+)/gm)].map(([, path]) => String(path));
  } catch {
    return [];
  }
}
