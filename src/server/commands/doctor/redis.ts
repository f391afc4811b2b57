/** Whether Redis answers, and allows its user every command that the server sends: by sending them. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'redis';
import { describe } from '../../identity/fetch-keys.js';
import { PREFIX } from '../../stores/redis/connection.js';
import { redisStores } from '../../stores/redis/index.js';
import { fixFor, UNREACHABLE_FIX } from '../../stores/redis/refusals.js';
import type { Stores } from '../../stores/types.js';
import { type Check, type Finding, findingsOf } from './finding.js';

const { ok, problem } = findingsOf('Redis');
const CONNECT_MS = 4000;
const RETAIN_MS = 10_000;

export const checkRedis: Check = async ({
  REDIS_URL,
  REDIS_MODE,
  REDIS_SENTINEL_NAME,
  REDIS_CA_FILE,
  REPLICAS,
}) => {
  if (REDIS_URL === undefined) return [];
  const given = {
    url: REDIS_URL,
    mode: REDIS_MODE,
    sentinelName: REDIS_SENTINEL_NAME,
    ...(REDIS_CA_FILE !== undefined && { ca: readFileSync(REDIS_CA_FILE, 'utf8') }),
  };
  try {
    if (REDIS_MODE === 'single') await connectOnce(given);
  } catch (error) {
    return refusedFinding('connection', error);
  }
  let isThere = () => {};
  const there = new Promise<void>((resolve) => (isThere = resolve));
  const stores = redisStores({
    ...given,
    replicas: REPLICAS,
    onFailure: 'strict',
    sessionIdleMs: RETAIN_MS,
    streamMaxBytes: 1024,
    streamRetainMs: RETAIN_MS,
    onChange: (available) => available && isThere(),
  });
  try {
    const isReady = await Promise.race([there.then(() => true), delay(CONNECT_MS, false, { ref: false })]);
    if (isReady) return await tryAll(stores);
    return refusedFinding('readiness', new Error(`not ready within ${CONNECT_MS / 1000} s`));
  } finally {
    await stores.close();
  }
};

/** Connects without retries; the stores would retry for ever. @throws the reason */
async function connectOnce({ url, ca }: { readonly url: string; readonly ca?: string }): Promise<void> {
  const bounds = { reconnectStrategy: false, connectTimeout: CONNECT_MS } as const;
  const socket = ca === undefined ? bounds : { ...bounds, tls: true as const, ca };
  const client = createClient({ url, socket, disableClientInfo: true }); // like the server's own client
  client.on('error', () => {}); // `connect` rejects with it
  try {
    await client.connect();
    await client.set(`${PREFIX}probe`, '', { PX: 1000 });
  } finally {
    if (client.isOpen) client.destroy();
  }
}

/** Uses each store once. The entries expire within seconds. */
async function tryAll(stores: Stores): Promise<readonly Finding[]> {
  const id = `doctor-${process.pid}-${Date.now()}`;
  const owner = 'doctor';
  const session = {
    id,
    owner,
    protocolVersion: '2025-11-25',
    clientInfo: { name: owner, version: '1' },
    clientCapabilities: {},
    subscriptions: [],
  };
  const steps: Readonly<Record<string, () => Promise<unknown>>> = {
    'rate limits': () => stores.rateLimits.limiter(owner, { points: 10, windowMs: 1000 }).consume(id),
    sessions: async () => {
      await stores.sessions.create(session, 10);
      await stores.sessions.get(id, session.owner);
      await stores.sessions.delete(id);
    },
    streams: async () => {
      const reader = { onEvent: () => {}, onEnd: () => {} };
      const stream = await stores.events.begin({ ...session, scopes: [] }, reader, '');
      await stream.append('{}');
      await stream.drop();
    },
    answers: () => stores.clientReplies.publish({ sessionId: id, scopes: [], message: {} }),
    'request state': () => stores.usedOnce.take(id, 1000),
  };
  const findings: Finding[] = [];
  for (const [name, step] of Object.entries(steps)) {
    await step().catch((error: unknown) => findings.push(refusedFinding(name, error)));
  }
  return findings.length > 0 ? findings : [ok(`answers; ${Object.keys(steps).join(', ')} work`)];
}

function refusedFinding(name: string, error: unknown): Finding {
  return problem(`${name}: ${describe(error)}`, fixFor(error) ?? UNREACHABLE_FIX);
}
