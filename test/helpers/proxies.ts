/** The configurations of deploy/proxies, in the real load balancers, in front of several processes. */
import { describe } from '@jest/globals';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import type { Replica } from './processes.js';

export const PROXIES = ['nginx', 'haproxy', 'caddy'] as const;
export type ProxyName = (typeof PROXIES)[number];

export interface Proxy {
  /** The endpoint behind it. */
  readonly url: string;
  /** Tells those who do not ask for readiness themselves to which replicas they may send from now on. */
  serve(ready: readonly Replica[]): Promise<void>;
  stop(): Promise<void>;
}

export interface ProxyOptions {
  readonly port: number;
  /** The folder of `tls.crt` and `tls.key`. */
  readonly tls: string;
  /** Three, on addresses of their own. */
  readonly replicas: readonly Replica[];
}

const has = (program: string, flag: string) => spawnSync(program, [flag]).status === 0;
const INSTALLED = {
  'redis-server': has('redis-server', '--version'),
  nginx: has('nginx', '-v'),
  haproxy: has('haproxy', '-v'),
  caddy: has('caddy', 'version'),
  'the addresses 127.0.0.0/8': process.platform === 'linux', // elsewhere 127.0.0.1 is the only one
};

export const isInstalled = (program: keyof typeof INSTALLED) => INSTALLED[program];

/** Tests that need programs: skipped by name where one is missing, unless `REQUIRE_ALL=1`. */
export function describeWith(
  programs: readonly (keyof typeof INSTALLED)[],
  name: string,
  tests: () => void,
): void {
  const missing = programs.filter((program) => !INSTALLED[program]);
  const run = missing.length === 0 || process.env['REQUIRE_ALL'] === '1' ? describe : describe.skip;
  run(missing.length === 0 ? name : `${name} (needs ${missing.join(', ')})`, tests);
}

const shipped = (path: string) => fileURLToPath(new URL(`../../deploy/proxies/${path}`, import.meta.url));

type Env = Readonly<Record<string, string>>;

/** What a proxy is started with, and with which signal it ends at once. */
interface Program {
  readonly args: readonly string[];
  readonly end: NodeJS.Signals;
  serve?(ready: readonly Replica[]): Promise<void>;
}

const PROGRAMS: Readonly<
  Record<ProxyName, (folder: string, env: Env, replicas: readonly Replica[]) => Promise<Program>>
> = {
  nginx: nginxProgram,
  haproxy: async () => ({ args: ['-db', '-q', '-f', shipped('haproxy/haproxy.cfg')], end: 'SIGTERM' }),
  caddy: async () => ({
    args: ['run', '--config', shipped('caddy/Caddyfile'), '--adapter', 'caddyfile'],
    end: 'SIGQUIT',
  }),
};

export async function startProxy(name: ProxyName, { port, tls, replicas }: ProxyOptions): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), `mcp-${name}-`));
  const env: Env = {
    PROXY_HOST: 'localhost',
    PROXY_PORT: String(port),
    PROXY_TLS: tls,
    PROXY_READY_PORT: String(replicas[0]?.adminPort),
    ...Object.fromEntries(replicas.map((one, i) => [`PROXY_REPLICA_${i + 1}`, `${one.host}:${one.port}`])),
  };
  const { args, end, serve } = await PROGRAMS[name](folder, env, replicas);
  const child = spawn(name, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, ...env },
  });
  await listening(port, child);
  return {
    url: `https://localhost:${port}/mcp`,
    async serve(ready) {
      if (serve === undefined) return;
      await serve(ready);
      child.kill('SIGHUP');
    },
    stop: () => ended(child, end, folder),
  };
}

/** What the package brings around our file, in a folder of its own. */
const NGINX_CONF = `
daemon off;
user root;
worker_processes 1;
pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  include conf.d/*.conf;
}
`;

async function nginxProgram(folder: string, env: Env, replicas: readonly Replica[]): Promise<Program> {
  const template = await readFile(shipped('nginx/server.conf.template'), 'utf8');
  const serve = (ready: readonly Replica[]) => {
    const added = ready.filter(({ host }) => !replicas.some((one) => one.host === host));
    const lines = [...replicas, ...added].map(
      ({ host, port }) => `server ${host}:${port}${ready.some((one) => one.host === host) ? '' : ' down'};\n`,
    );
    return writeFile(join(folder, 'replicas.conf'), lines.join(''));
  };
  await mkdir(join(folder, 'conf.d'));
  await writeFile(join(folder, 'nginx.conf'), NGINX_CONF);
  await writeFile(
    join(folder, 'conf.d/server.conf'),
    template.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => String(env[name])),
  );
  await serve(replicas);
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  return { args, end: 'SIGTERM', serve };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-4000)));
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the proxy ended: ${said}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await delay(25);
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
  await rm(folder, { recursive: true, force: true });
}
