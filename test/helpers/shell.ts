/** What a reader pastes, run as they would: by `sh`, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { read, ROOT } from './pages.js';

export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Shell {
  readonly folder: string;
  /** A program of that name, found before every other. */
  standIn(name: string, ...script: readonly string[]): void;
  /** Stops at the first command that fails, and at a variable that is not set. */
  start(script: string, env?: Readonly<Record<string, string>>, cwd?: string): ChildProcess;
  /** @throws with what it printed when it fails */
  run(script: string, env?: Readonly<Record<string, string>>, cwd?: string): Promise<Printed>;
  remove(): void;
}

export function openShell(): Shell {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'shell-')));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const start: Shell['start'] = (script, env = {}, cwd = folder) => {
    const PATH = `${bin}${delimiter}${process.env['PATH']}`;
    return spawn('sh', ['-euc', script], { cwd, env: { HOME: folder, ...env, PATH }, stdio: 'pipe' });
  };
  return {
    folder,
    start,
    standIn(name, ...script) {
      writeFileSync(join(bin, name), ['#!/bin/sh', 'set -eu', ...script, ''].join('\n'), { mode: 0o755 });
    },
    async run(script, env, cwd) {
      const child = start(script, env, cwd);
      if (!child.stdout || !child.stderr) throw new TypeError('its output must be pipes');
      child.stdin?.end();
      const ended = once(child, 'close') as Promise<[number | null]>;
      const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
      if (status !== 0) throw new Error(`${script}\nended with ${status}: ${stderr}${stdout}`);
      return { stdout, stderr };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** `npm run NAME -- …` for our own commands, in whatever folder, without the time that npm itself takes to start. */
export function standInForNpm(shell: Shell): void {
  const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Record<string, string> };
  const loader = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;
  const cases = Object.entries(scripts).flatMap(([name, command]) => {
    const [, file] = /^tsx (?:--import \S+ )?(\S+)$/.exec(command) ?? [];
    return file === undefined ? [] : [`${name}) exec node --import ${loader} '${join(ROOT, file)}' "$@" ;;`];
  });
  shell.standIn(
    'npm',
    '[ "$1" = run ] || exit 64',
    'shift',
    '[ "$1" != -s ] || shift',
    'name=$1',
    'shift',
    '[ "${1-}" = -- ] || exit 64 # npm would keep the options for itself',
    'shift',
    `case $name in ${cases.join(' ')} esac`,
    'exit 64',
  );
}
