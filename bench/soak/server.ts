/** A built server in a process of its own, whose memory, descriptors and timers can be asked for. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/helpers/free-port.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const PROBE = new URL('probe.js', import.meta.url).href;
/** What the manifests give a replica. */
export const HEAP_MIB = 320;

/** After a full collection of garbage. */
export interface Sample {
  readonly heapMiB: number;
  readonly rssMiB: number;
  readonly descriptors: number;
  readonly timers: number;
  /** Of all replicas that share a store. */
  readonly sessions: number;
  readonly streams: number;
  readonly cpuSeconds: number;
}

export interface ServerOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly heapMiB?: number;
  /** Where its log goes; without it, to ours. */
  readonly logFile?: string;
}

export type Server = Awaited<ReturnType<typeof startServer>>;

export async function startServer({ env, heapMiB = HEAP_MIB, logFile }: ServerOptions) {
  const port = Number(env['PORT'] ?? (await freePort()));
  const adminPort = await freePort();
  const child = fork(MAIN, {
    execArgv: ['--expose-gc', `--max-old-space-size=${heapMiB}`, '--import', PROBE],
    stdio: ['ignore', 'ignore', logFile === undefined ? 'inherit' : openSync(logFile, 'a'), 'ipc'],
    env: { ...env, PORT: String(port), ADMIN_PORT: String(adminPort) },
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const admin = `http://127.0.0.1:${adminPort}`;
  const pid = Number(child.pid);

  async function countTimers(): Promise<number> {
    const counted = once(child, 'message') as Promise<[number]>;
    child.send('count');
    return (await counted)[0];
  }
  async function metrics(): Promise<(name: string) => number> {
    const text = await (await fetch(`${admin}/metrics`)).text();
    return (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }
  const untilReady = async () => {
    while ((await statusOf(`${admin}/readyz`)) !== 200) {
      if (child.exitCode !== null) throw new Error(`a server ended with exit code ${child.exitCode}`);
      await sleep(50);
    }
  };
  await untilReady();

  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    pid,
    untilReady,
    /** @returns how to read a metric by its name */
    metrics,
    async sample(): Promise<Sample> {
      const timers = await countTimers();
      const [value, descriptors] = await Promise.all([metrics(), readdir(`/proc/${pid}/fd`)]);
      return {
        heapMiB: value('nodejs_heap_size_used_bytes') / 2 ** 20,
        rssMiB: value('process_resident_memory_bytes') / 2 ** 20,
        descriptors: descriptors.length,
        timers,
        sessions: value('mcp_server_sessions'),
        streams: value('mcp_server_streams'),
        cpuSeconds: value('process_cpu_seconds_total'),
      };
    },
    /** As an orchestrator ends it. @returns its exit code */
    async drain() {
      child.kill('SIGTERM');
      return (await exited)[0];
    },
    async close() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const statusOf = (url: string) =>
  fetch(url).then(
    (answer) => answer.status,
    () => 0,
  );
