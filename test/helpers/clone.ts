/** A copy of the project that a test may change, with the packages of this one. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface Clone {
  readonly folder: string;
  read(path: string): string;
  /** @throws with what it printed when it fails. @returns its stdout */
  node(...args: string[]): string;
  remove(): void;
}

export function cloneProject(): Clone {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mcp-clone-')));
  const isSource = (path: string) => !/^(node_modules|dist|coverage|\.git)$/.test(basename(path));
  cpSync('.', folder, { recursive: true, filter: isSource });
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'), 'junction');
  return {
    folder,
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    node: (...args) => execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export const TSX = ['--import', 'tsx'];
export const JEST = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--ci', '-i'];
/** Checks what differs from the clone before, in what all of them have: their packages are a link to those of the project. */
export const TYPES = [
  'node_modules/typescript/bin/tsc',
  '--noEmit',
  '--singleThreaded',
  '--preserveSymlinks',
  '--tsBuildInfoFile',
  'node_modules/.cache/clones.tsbuildinfo',
  '-p',
  'tsconfig.json',
];
