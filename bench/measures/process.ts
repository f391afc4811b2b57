/** The process that `npm start` runs: how soon it is ready, and what it needs at most with the heap of a small container. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/helpers/free-port.js';
import { drive } from '../load.js';
import { exchangesFor } from '../requests.js';
import { atMost, type Section } from '../report.js';
import { settings } from '../servers/ours.js';
import { median, ratio } from '../stats.js';
import { CONNECTIONS, ERAS, type Setup } from './setup.js';

const IMPORTS = [
  'express',
  '@modelcontextprotocol/sdk/server/mcp.js',
  '@modelcontextprotocol/sdk/server/streamableHttp.js',
  '@modelcontextprotocol/server',
];
const STARTS = 10;
const HEAP_MIB = 192;
const BUSY_MS = 15_000;
const WHOAMI = { method: 'tools/call', name: 'whoami', arguments: {} } as const;

export async function measureStart(setup: Setup): Promise<Section> {
  const times = { imports: [] as number[], ours: [] as number[] };
  for (let i = 0; i < Math.max(3, STARTS * setup.scale); i += 1) {
    times.imports.push(await importOnly());
    const server = await startReal(setup, []);
    times.ours.push(server.readyMs);
    await server.stop();
  }
  const share = ratio(times.ours, times.imports).median;
  return {
    title: 'Start of a process, ms',
    columns: ['Process', 'ms'],
    rows: [
      ['imports express and both SDKs, and ends', median(times.imports)],
      ['this template, until `/readyz` answers 200', median(times.ours)],
    ],
    goals: [
      atMost('Start to `/readyz` 200 ÷ a process that only imports express and both SDKs', share, {
        must: 1.5,
        goal: 1.2,
      }),
    ],
  };
}

export async function measurePeak(setup: Setup): Promise<Section> {
  const title = `Peak RSS, MiB: ${CONNECTIONS} busy connections, heap limited to ${HEAP_MIB} MiB`;
  if (process.platform !== 'linux')
    return { title, columns: ['Skipped'], rows: [['only on Linux']], goals: [] };
  const server = await startReal(setup, [`--max-old-space-size=${HEAP_MIB}`]);
  const { token } = setup.issuer;
  const maxMs = BUSY_MS * Math.max(0.3, setup.scale);
  for (const era of ERAS) {
    const exchanges = await exchangesFor(server.port, { era, token, ...WHOAMI }, CONNECTIONS);
    await drive({ port: server.port, exchanges, maxMs });
  }
  const peak = await peakRss(server.pid);
  await server.stop();
  return {
    title,
    columns: ['Process', 'MiB'],
    rows: [['this template, every layer on', peak]],
    goals: [
      atMost(`Peak RSS under ${CONNECTIONS} busy connections, heap limited to ${HEAP_MIB} MiB`, peak, {
        must: 220,
        goal: 160,
        unit: ' MiB',
      }),
    ],
  };
}

async function importOnly(): Promise<number> {
  const startedAt = performance.now();
  const code = IMPORTS.map((name) => `import '${name}';`).join('');
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'inherit' });
  await once(child, 'exit');
  return performance.now() - startedAt;
}

/** Of the image and of `npm start`. */
const START_FLAGS = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

async function startReal({ issuer: { issuer }, folder }: Setup, flags: readonly string[]) {
  const [port, admin] = [await freePort(), await freePort()];
  const env = { ...settings({ issuer, folder }), PORT: String(port), ADMIN_PORT: String(admin) };
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...START_FLAGS, ...flags, 'dist/main.js'], { env, stdio: 'ignore' });
  const exited = once(child, 'exit');
  while (!(await isReady(admin))) {
    if (child.exitCode !== null) throw new Error('the server of `npm start` has ended');
    await sleep(5);
  }
  const readyMs = performance.now() - startedAt;
  const stop = async () => {
    child.kill();
    await exited;
  };
  return { port, pid: child.pid ?? 0, readyMs, stop };
}

function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function peakRss(pid: number): Promise<number> {
  const [, kib] = /VmHWM:\s*(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
