/** The store, a server and the proxy with the command lines and files of compose, as processes of this machine. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Running, run } from '../helpers/built.js';
import { type Fetch, httpsFetch } from '../helpers/https-fetch.js';
import { describeWithPrograms } from '../helpers/programs.js';
import { freePort } from '../helpers/free-port.js';
import { type RedisServer, startRedis } from '../helpers/redis-server.js';
import { body, stateless } from '../replicas/client.js';
import { COMPOSE, compose, makeSecrets, type Secrets } from './compose/secrets.js';

const start = promisify(execFile);

/** Docker answers for the names of the services; here it is a line in the server's process. */
const NAMES = `import dns from 'node:dns'; const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(name === 'valkey' ? '127.0.0.1' : name, ...rest);`;

jest.setTimeout(120_000);

/** Node before 22.14 has no `--disable-sigusr1`. */
const knownOptions = (options = '') =>
  options
    .split(' ')
    .filter((option) => process.allowedNodeEnvironmentFlags.has(option))
    .join(' ');

describeWithPrograms(['openssl', 'redis-server', 'caddy'], 'compose as processes', () => {
  let secrets: Secrets;
  let redis: RedisServer;
  let server: Running;
  let proxy: ChildProcess;
  let key: string;
  let port: number;
  let proxyPort: number;
  let fetch: Fetch;

  beforeAll(async () => {
    secrets = makeSecrets();
    fetch = httpsFetch(secrets.read('ca.crt'));
    [port, proxyPort] = [await freePort(), await freePort()];
    key = await newKey();
    redis = await startStore();
    server = await startOurs();
    proxy = await startProxy();
  });
  afterAll(async () => {
    proxy?.kill('SIGKILL');
    server?.child.kill('SIGKILL');
    await redis?.stop();
    secrets?.remove();
  });

  /** By the command that the README has for it. */
  async function newKey(): Promise<string> {
    const file = join(secrets.path, 'keys/api-keys.json');
    const args = ['create', '--file', file, '--name', 'me', '--scopes', 'documents:read'];
    return (await start('node', ['--import', 'tsx', 'src/key.ts', ...args])).stdout.trim();
  }

  async function startStore(): Promise<RedisServer> {
    const storePort = String(await freePort());
    const words = compose.services.valkey.command?.slice(1) ?? [];
    const url = secrets.read('redis-url').replace(/6379$/, storePort);
    writeFileSync(join(secrets.path, 'redis-url'), url);
    return startRedis(undefined, ...words.map((word) => secrets.ours(word).replace(/^6379$/, storePort)));
  }

  async function startOurs(): Promise<Running> {
    const { environment = {} } = compose.services.server;
    const given = Object.entries(environment).map(([name, value]) => {
      return [name, secrets.ours(value).replace('8443', String(proxyPort))] as const;
    });
    const names = `--import=data:text/javascript,${encodeURIComponent(NAMES)}`;
    const started = run('main.js', {
      ...Object.fromEntries(given),
      PORT: String(port),
      ADMIN_PORT: String(await freePort()),
      TRUSTED_PROXIES: '127.0.0.1/32', // there the one of the proxy, which is fixed
      SHUTDOWN_DELAY_MS: '0',
      NODE_OPTIONS: `${knownOptions(environment['NODE_OPTIONS'])} ${names}`,
    });
    await started.saw(/^Serving MCP/m);
    return started;
  }

  async function startProxy(): Promise<ChildProcess> {
    const file = join(secrets.folder, 'Caddyfile');
    const text = secrets.ours(readFileSync(join(COMPOSE, 'Caddyfile'), 'utf8'));
    const flags = ['--adapter', 'caddyfile', '--config', file];
    writeFileSync(file, text);
    await start('caddy', ['validate', ...flags]);
    const found = text.replace(/dynamic a server 3000 \{[^}]*\}/, `to 127.0.0.1:${port}`);
    writeFileSync(file, found.replace('8443', String(proxyPort)));
    const child = spawn('caddy', ['run', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    // By lines: leaving the loop over the stream itself would close it, and Caddy would die of its next word.
    for await (const line of createInterface({ input: child.stderr }))
      if (line.includes('serving initial configuration')) break;
    child.stderr.resume();
    return child;
  }

  test('a key made by the command stays readable for the containers', () => {
    expect((statSync(join(secrets.path, 'keys/api-keys.json')).mode & 0o777).toString(8)).toBe('640');
  });

  test('a call passes HTTPS, the proxy, the server and its store, and is audited under its real address', async () => {
    const call = stateless('tools/call', { name: 'whoami', arguments: {} });
    const answer = await fetch(`https://localhost:${proxyPort}/mcp`, {
      method: 'POST',
      headers: {
        ...call.headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${key}`,
        'x-forwarded-for': '203.0.113.9',
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...call.body }),
    });

    expect(answer.status).toBe(200);
    expect((await body(answer)).result).toMatchObject({ structuredContent: { method: 'api-key' } });
    expect(server.printed.stdout).toContain('"client.address":"127.0.0.1"');
    expect(server.printed.stdout).not.toContain('203.0.113.9');
    expect(server.printed.stderr).not.toMatch(/ECONN|NOPERM|WRONGPASS/);
  });

  test('the store answers nobody without TLS and a password', async () => {
    const plain = start('redis-cli', ['-p', String(redis.port), 'ping']);
    await expect(plain).rejects.toThrow('Connection refused');

    const url = new URL(secrets.read('redis-url'));
    const flags = ['--tls', '--cacert', join(secrets.path, 'ca.crt'), '--sni', 'valkey', '-p', url.port];
    expect((await start('redis-cli', [...flags, 'ping'])).stdout).toContain('NOAUTH');
    const as = ['--no-auth-warning', '--user', url.username, '--pass', url.password];
    expect((await start('redis-cli', [...flags, ...as, 'flushall'])).stdout).toContain('NOPERM');
  });
});
