/** A real Redis of one's own: starts `redis-server` on a free port, empty, keeping nothing. */
import { describe } from '@jest/globals';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** Tests that need `redis-server`: skipped by name where there is none, unless `REQUIRE_ALL=1`. */
export const describeWithRedis: (name: string, tests: () => void) => void = (name, tests) => {
  const run = hasRedis || process.env['REQUIRE_ALL'] === '1' ? describe : describe.skip;
  run(hasRedis ? name : `${name} (needs redis-server)`, tests);
};

export async function startRedis(port?: number, ...extra: string[]): Promise<RedisServer> {
  const ownPort = port ?? (await freePort());
  const args = [
    '--port',
    String(ownPort),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    ...extra,
  ];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/tmp' });
  await ready(child);
  return {
    url: `redis://127.0.0.1:${ownPort}`,
    port: ownPort,
    process: child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

async function ready(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new TypeError('stdout must be a pipe');
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) if (line.includes('Ready to accept connections')) return;
  throw new Error('redis-server did not start');
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
