/** The project as processes: what `npm run build` makes of it, started with an environment of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SETTINGS } from '../settings.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Builds once for each state of `src` and of package.json, whoever comes first. @returns the path of one of its files */
export function builtFile(name: string): string {
  const folder = join(ROOT, 'node_modules/.cache/test-build', stateOfSource());
  if (!existsSync(folder)) build(folder);
  return join(folder, 'dist', name);
}

function stateOfSource(): string {
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package.json'))); // the server's name and version
  for (const entry of readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) hash.update(`${path}\0`).update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 16);
}

/** In a folder of our own, which becomes the common one at once: tests in parallel never see half a build. */
function build(folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const own = mkdtempSync(`${folder}-`);
  const dist = join(own, 'dist');
  const args = [
    '-p',
    'tsconfig.build.json',
    '--noCheck', // `npm run types` checks
    '--outDir',
    dist,
    '--tsBuildInfoFile',
    join(dist, '.tsbuildinfo'),
  ];
  const { stdout } = spawnSync(process.execPath, [TSC, ...args], { cwd: ROOT, encoding: 'utf8' });
  if (!existsSync(join(dist, 'main.js'))) throw new Error(`nothing was built: ${stdout}`);
  cpSync(join(ROOT, 'src'), dist, { recursive: true, filter: (path) => !/\.(?:ts|md)$/.test(path) });
  copyFileSync(join(ROOT, 'package.json'), join(own, 'package.json'));
  symlinkSync(join(ROOT, 'examples'), join(own, 'examples'), 'junction');
  try {
    renameSync(own, folder);
  } catch {
    rmSync(own, { recursive: true }); // somebody else was first
  }
}

export interface Running {
  readonly child: ChildProcess;
  /** What was printed so far. */
  readonly printed: { stdout: string; stderr: string };
  /** Settles with the match when stderr has one. */
  saw(pattern: RegExp): Promise<RegExpExecArray>;
  /** Settles when the process is over and all it printed was read. */
  ended(): Promise<number | NodeJS.Signals>;
}

type Env = Readonly<Record<string, string>>;

export function run(name: string, env: Env, ...nodeOptions: string[]): Running {
  return runFile(builtFile(name), { ...SETTINGS, ...env }, ...nodeOptions);
}

/** Nothing of our own environment but what Node needs: a variable of the machine must not decide a test. */
export function runFile(path: string, env: Env, ...nodeOptions: string[]): Running {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [...nodeOptions, path], { cwd: ROOT, env: { PATH, ...env } });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      printed[stream] += text;
      child.emit('printed');
    });
  }
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const ended = async () => {
    const [code, signal] = await closed;
    return code ?? signal ?? 'SIGKILL';
  };
  return {
    child,
    printed,
    ended,
    async saw(pattern) {
      const over = closed.then(() => 'over');
      for (;;) {
        const match = pattern.exec(printed.stderr);
        if (match !== null) return match;
        if ((await Promise.race([once(child, 'printed'), over])) === 'over')
          throw new Error(`ended without printing ${pattern.source}: ${printed.stderr}`);
      }
    },
  };
}
