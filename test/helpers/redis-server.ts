/** A real Redis of one's own: starts `redis-server` on a free port, empty, keeping nothing. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.js';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

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
  return run(ownPort, args);
}

/** One that watches others, as its file says, which it rewrites. */
export function startSentinel(port: number, file: string): Promise<RedisServer> {
  return run(port, [file, '--sentinel', '--port', String(port), '--bind', '127.0.0.1']);
}

async function run(port: number, args: readonly string[]): Promise<RedisServer> {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/tmp' });
  await ready(child);
  return {
    url: `redis://127.0.0.1:${port}`,
    port: port,
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
  for await (const line of lines) if (/Ready to accept connections|Sentinel ID is/.test(line)) return;
  throw new Error('redis-server did not start');
}
