/**
 * Three replicas on one Redis behind a round robin, and a process alone with stores in its memory, which also speaks HTTP+SSE.
 * All run as in production, with times that let the soak see the end of what they keep.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/free-port.js';
import { type RedisServer, startRedis } from '../../test/helpers/redis-server.js';
import type { Issuer } from '../identity.js';
import { commonEnv } from './environment.js';
import { type Server, startServer } from './server.js';

export const AUDIENCE = 'https://soak.example/mcp';
const REPLICAS = ['a', 'b', 'c'];
/** Longest idle time of a session, and what each of its calls may take. */
export const IDLE_MS = 30_000;
/** What it has is kept when it ends, and until then nothing waits for a disk. */
const KEPT_AT_END = ['--save', '3600 1', '--dir'];

/** A server that another takes the place of: its address and its audit stay. */
export interface Member {
  readonly name: string;
  readonly auditFile: string;
  server: Server;
  /** Whether the round robin gives it requests. */
  isServing: boolean;
}

export class Fleet {
  #turn = 0;

  constructor(
    readonly folder: string,
    readonly publicKeyFile: string,
    public redis: RedisServer,
    /** The last one is alone. */
    readonly members: readonly Member[],
    private readonly start: (name: string, port: string) => Promise<Server>,
  ) {}

  get replicas(): readonly Member[] {
    return this.members.slice(0, REPLICAS.length);
  }

  get alone(): Member {
    return this.members.at(-1) as Member;
  }

  /** The next replica that serves. */
  next(): URL {
    const serving = this.replicas.filter(({ isServing }) => isServing);
    return (serving[this.#turn++ % serving.length] as Member).server.url;
  }

  /** As a load balancer and an orchestrator do it: no more requests, SIGTERM, a new process. @returns the exit code */
  async replace(member: Member): Promise<number | null> {
    member.isServing = false;
    const exitCode = await member.server.drain();
    member.server = await this.start(member.name, member.server.url.port);
    member.isServing = true;
    return exitCode;
  }

  async stopRedis(): Promise<void> {
    const exited = once(this.redis.process, 'exit');
    this.redis.process.kill('SIGTERM');
    await exited;
  }

  async restartRedis(): Promise<void> {
    this.redis = await startRedis(this.redis.port, ...KEPT_AT_END, this.folder);
  }

  untilReady = () => Promise.all(this.members.map(({ server }) => server.untilReady()));

  filesOf = (kind: 'audit' | 'checkpoints') =>
    this.members.map(({ name }) => join(this.folder, `${kind}-${name}.log`));

  async close(): Promise<void> {
    await Promise.all(this.members.map(({ server }) => server.close()));
    await this.redis.stop();
  }
}

export async function startFleet(folder: string, issuer: Issuer): Promise<Fleet> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const signingKeyFile = join(folder, 'audit.key');
  const publicKeyFile = join(folder, 'audit.pub');
  await writeFile(signingKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  const redis = await startRedis(undefined, ...KEPT_AT_END, folder);
  const shared = {
    ...(await commonEnv(folder, issuer)),
    NODE_ENV: 'production',
    PUBLIC_URL: AUDIENCE,
    STATE_KEYS: randomBytes(32).toString('base64url'),
    AUDIT_HMAC_KEY: randomBytes(32).toString('base64url'),
    AUDIT_SIGNING_KEY_FILE: signingKeyFile,
    SESSION_IDLE_MS: String(IDLE_MS),
    TOOL_TIMEOUT_MS: String(IDLE_MS),
    ASK_TIMEOUT_MS: String(IDLE_MS), // a call that waits for its user keeps its session
    SHUTDOWN_DELAY_MS: '3000',
    SHUTDOWN_GRACE_MS: String(IDLE_MS),
  };
  const start = (name: string, port: string) =>
    startServer({
      logFile: join(folder, `log-${name}.log`),
      env: {
        ...shared,
        ...(REPLICAS.includes(name)
          ? { REDIS_URL: redis.url, REPLICAS: String(REPLICAS.length) }
          : { LEGACY_SSE: 'true' }),
        PORT: port,
        ALLOWED_HOSTS: `127.0.0.1:${port}`,
        AUDIT_SINKS: `file:${join(folder, `audit-${name}.log`)}`,
        AUDIT_CHECKPOINT_SINK: `file:${join(folder, `checkpoints-${name}.log`)}`,
      },
    });
  const members = await Promise.all(
    [...REPLICAS, 'alone'].map(async (name) => ({
      name,
      auditFile: join(folder, `audit-${name}.log`),
      server: await start(name, String(await freePort())),
      isServing: true,
    })),
  );
  return new Fleet(folder, publicKeyFile, redis, members, start);
}
