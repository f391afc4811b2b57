/** Real load balancers in front of several processes. */
import { describe } from '@jest/globals';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Replica } from './processes.js';

export interface Proxy {
  /** The endpoint behind it. */
  readonly url: string;
  /** Sends what comes from now on to these. */
  serve(replicas: readonly Replica[]): Promise<void>;
  stop(): Promise<void>;
}

const has = (program: string, flag: string) => spawnSync(program, [flag]).status === 0;
const INSTALLED = {
  'redis-server': has('redis-server', '--version'),
  nginx: has('nginx', '-v'),
  haproxy: has('haproxy', '-v'),
};

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

/**
 * nginx without keep-alive to the servers. It does not look at `/readyz`: as with an ingress controller, somebody
 * who does gives it a new list, and it reloads.
 */
export async function startNginx(port: number, replicas: readonly Replica[]): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-nginx-'));
  const file = join(folder, 'nginx.conf');
  const write = (of: readonly Replica[]) => writeFile(file, nginxConfig(folder, port, of));
  await write(replicas);
  const args = ['-p', folder, '-c', file, '-e', join(folder, 'error.log')];
  const child = spawn('nginx', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async serve(of) {
      await write(of);
      child.kill('SIGHUP');
    },
    stop: () => end(child, folder),
  };
}

function nginxConfig(folder: string, port: number, replicas: readonly Replica[]): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
user root;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  upstream mcp {
    ${replicas.map((one) => `server 127.0.0.1:${one.port};`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`;
}

/** HAProxy, which asks each server's `/readyz` itself. Its servers are fixed: one that is replaced keeps its ports. */
export async function startHaproxy(port: number, replicas: readonly Replica[]): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-haproxy-'));
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, haproxyConfig(port, replicas));
  const child = spawn('haproxy', ['-db', '-q', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  return { url: `http://127.0.0.1:${port}/mcp`, serve: async () => {}, stop: () => end(child, folder) };
}

function haproxyConfig(port: number, replicas: readonly Replica[]): string {
  const servers = replicas.map(
    (one, i) => `  server s${i} 127.0.0.1:${one.port} check port ${one.adminPort} inter 100ms fall 1 rise 1`,
  );
  return `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option redispatch
  retries 3
frontend in
  bind 127.0.0.1:${port}
  default_backend mcp
backend mcp
  balance roundrobin
  option forwardfor
  option httpchk GET /readyz
${servers.join('\n')}
`;
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error('the proxy ended');
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

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }
  await rm(folder, { recursive: true, force: true });
}
