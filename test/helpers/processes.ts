/** Several real server processes on one Redis, as a deployment has them. */
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { newApiKey } from '../../src/server/identity/api-key-format.js';
import { type Running, run } from './built.js';
import { freePort } from './free-port.js';
import { type RedisServer, startRedis } from './redis-server.js';

type Env = Readonly<Record<string, string>>;

export interface Replica {
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
  /** The MCP endpoint, not through a proxy. */
  readonly url: string;
  readonly running: Running;
  /** Settles when `/readyz` answers with the status. */
  until(status: 200 | 503): Promise<void>;
  /** Status of one of the admin listener's paths. */
  probe(path: string): Promise<number>;
  /** Sends a signal and waits for the end of the process. @returns its exit code or signal */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

export interface Deployment {
  readonly redis: RedisServer;
  /** `FILES_ROOT` of every replica. */
  readonly files: string;
  /** API keys of two callers with every scope. */
  readonly alice: string;
  readonly bob: string;
  /** Where a proxy listens: every replica answers to its name. */
  readonly proxyPort: number;
  readonly replicas: Replica[];
  /** Starts a replica, and waits until it serves (its Redis may be away). */
  start(env?: Env): Promise<Replica>;
  /** What the replicas audited so far. */
  audited(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<void>;
}

export interface DeploymentOptions {
  /** Default 3. */
  readonly replicas?: number;
  /** As on machines of their own: each replica has its address, all have the same ports. */
  readonly ownAddresses?: boolean;
  readonly env?: Env;
  /** One of one's own, which is not stopped at the end. */
  readonly redis?: RedisServer;
}

/** Limits that no test meets by accident. */
const ROOMY = {
  RATE_LIMIT_IP: '1000000/60s',
  RATE_LIMIT_CALLER: '1000000/60s',
  MAX_SESSIONS_PER_CALLER: '10000',
  MAX_STREAMS_PER_CALLER: '10000',
};

export async function deploy(options: DeploymentOptions = {}): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-replicas-'));
  const files = join(folder, 'files');
  await mkdir(files);
  const redis = options.redis ?? (await startRedis());
  const [alice, bob] = await writeKeys(join(folder, 'keys.json'), ['alice', 'bob']);
  const proxyPort = await freePort();
  const replicas: Replica[] = [];
  const audits: string[] = [];
  const shared = {
    NODE_ENV: 'test',
    REDIS_URL: redis.url,
    REPLICAS: '3',
    STATE_KEYS: randomBytes(32).toString('base64url'),
    API_KEYS_FILE: join(folder, 'keys.json'),
    FILES_ROOT: files,
    PUBLIC_URL: `http://127.0.0.1:${proxyPort}/mcp`,
    TRUSTED_PROXIES: '127.0.0.1/32',
    LOG_LEVEL: 'warn',
    TOOL_TIMEOUT_MS: '10000',
    SHUTDOWN_GRACE_MS: '15000',
    ...ROOMY,
    ...options.env,
  };

  const start = async (env: Env = {}) => {
    const port = Number(env['PORT'] ?? (await freePort()));
    const adminPort = Number(env['ADMIN_PORT'] ?? (await freePort()));
    const audit = join(folder, `audit-${audits.push('')}.log`);
    audits[audits.length - 1] = audit;
    const replica = await startReplica(port, adminPort, {
      ALLOWED_HOSTS: `localhost:${proxyPort},127.0.0.1:${proxyPort},127.0.0.1:${port}`,
      ...shared,
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      AUDIT_SINKS: `file:${audit}`,
      ...env,
    });
    replicas.push(replica);
    return replica;
  };
  const close = async () => {
    await Promise.all(replicas.map((replica) => replica.stop('SIGKILL')));
    if (!options.redis) await redis.stop();
    await rm(folder, { recursive: true, force: true });
  };

  try {
    const ports = options.ownAddresses && (await commonPorts());
    const first = await Promise.all(
      Array.from({ length: options.replicas ?? 3 }, (_, i) => start(ports ? addressOf(i, ports) : {})),
    );
    await Promise.all(first.map((replica) => replica.until(200)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    redis,
    files,
    alice,
    bob,
    proxyPort,
    replicas,
    start,
    close,
    async audited() {
      const texts = await Promise.all(audits.map((path) => readFile(path, 'utf8').catch(() => '')));
      const lines = texts.flatMap((text) => text.split('\n').slice(0, -1)); // the last one is empty, or torn
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

const commonPorts = async () => ({
  PORT: String(await freePort()),
  ADMIN_PORT: String(await freePort()),
});

const addressOf = (i: number, ports: Env): Env => {
  const host = `127.0.0.${i + 1}`;
  return { HOST: host, ADMIN_HOST: host, ...ports };
};

async function writeKeys<const N extends readonly string[]>(
  path: string,
  names: N,
): Promise<{ [I in keyof N]: string }> {
  const made = names.map((name) => ({ name, ...newApiKey('dev') }));
  const keys = made.map(({ name, id, hash }) => ({
    id,
    name,
    scopes: ['documents:read', 'documents:write'],
    createdAt: new Date().toISOString(),
    secrets: [{ hash }],
  }));
  await writeFile(path, JSON.stringify({ version: 1, keys }), { mode: 0o600 });
  return made.map(({ key }) => key) as { [I in keyof N]: string };
}

async function startReplica(port: number, adminPort: number, env: Env): Promise<Replica> {
  const running = run('main.js', env);
  const { HOST: host = '127.0.0.1', ADMIN_HOST: adminHost = host } = env;
  let isOver = false;
  const ended = running.ended().finally(() => (isOver = true));
  const probe = (path: string) =>
    new Promise<number>((resolve, reject) => {
      const req = get({ host: adminHost, port: adminPort, path, agent: false, timeout: 2000 }, (res) => {
        res.resume().once('end', () => resolve(res.statusCode ?? 0));
      });
      req.once('timeout', () => req.destroy(new Error('no answer'))).once('error', reject);
    });
  /** The end of a start and of a fault can only be asked for. */
  const until = async (isReached: () => Promise<boolean>) => {
    while (!(await isReached().catch(() => false))) {
      if (isOver) throw new Error(`the server ended: ${running.printed.stderr}`);
      await delay(25);
    }
  };
  const replica: Replica = {
    host,
    port,
    adminPort,
    url: `http://${host}:${port}/mcp`,
    running,
    probe,
    until: (status) => until(async () => (await probe('/readyz')) === status),
    async stop(signal = 'SIGTERM') {
      if (!isOver) running.child.kill(signal);
      return ended;
    },
  };
  await until(async () => (await probe('/livez')) === 200);
  return replica;
}
