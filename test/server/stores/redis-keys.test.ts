/** What the stores leave in Redis, and that it could be a cluster. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect, type Connection, PREFIX } from '../../../src/server/stores/redis/connection.js';
import { redisClientReplies } from '../../../src/server/stores/redis/client-replies.js';
import { redisKeptValues } from '../../../src/server/stores/redis/kept-values.js';
import { redisUsedOnce } from '../../../src/server/stores/redis/used-once.js';
import { redisRateLimits } from '../../../src/server/stores/redis/rate-limits.js';
import { redisSessions } from '../../../src/server/stores/redis/sessions.js';
import { eventsOfOneProcess } from './one-process.js';
import { freePort } from '../../helpers/free-port.js';
import { describeWithRedis } from '../../helpers/redis.js';
import { type RedisServer, startRedis } from '../../helpers/redis-server.js';

const LONG_MS = 60_000;
const ODD = ['', '"\\\n\r\t\0', '\u2028 \ud83d\ude00', '\\u0000 %s {} \x7f', 'x'.repeat(100_000)];

describeWithRedis('in Redis', () => {
  let folder: string;
  let server: RedisServer;
  let connection: Connection;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-cluster-'));
    server = await startRedis(
      undefined,
      ...`--cluster-enabled yes --cluster-port ${await freePort()} --dir ${folder}`.split(' '),
    );
    connection = connect({ url: server.url });
    while (!connection.healthy()) {
      await connection.client
        .sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383'])
        .catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
    }
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  async function keys(): Promise<Record<string, number>> {
    const names = await connection.client.keys('*');
    const entries = names.map(async (name) => [name, await connection.client.pTTL(name)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Uses every store in every way, on a server that refuses what touches two slots at once. */
  async function useAll(): Promise<void> {
    const sessions = redisSessions({ connection, idleMs: LONG_MS });
    const events = eventsOfOneProcess({ connection, maxStreamChars: 10_000, retainMs: LONG_MS });
    const replies = redisClientReplies(connection);
    const record = {
      id: 'session',
      owner: 'https://issuer.example|alice {}',
      protocolVersion: '2025-11-25',
      clientInfo: { name: ODD[2] ?? '', version: '1' },
      clientCapabilities: {},
      subscriptions: [],
    };
    await redisRateLimits({ connection, onFailure: 'strict', replicas: 1 })
      .limiter('a', { points: 1, windowMs: 1000 })
      .consume('k');
    await redisUsedOnce(connection).take('a', LONG_MS);
    await redisKeptValues(connection).set('a', 'value', LONG_MS);
    await redisKeptValues(connection).add('b', 'value', LONG_MS);
    await sessions.create(record, 1);
    await sessions.get(record.id, record.owner);
    const change = { logLevel: 'debug', subscriptions: ODD, changesTo: 'stream' };
    await sessions.update(record.id, change);
    expect(await sessions.get(record.id, record.owner)).toEqual({ ...record, ...change });

    const reader = { onEvent: () => {}, onEnd: () => {} };
    const ids: string[] = [];
    const call = await events.begin(
      { ...record, scopes: [] },
      { ...reader, onEvent: ({ id }) => ids.push(id) },
      'lost',
    );
    await call.append('one');
    call.stop();
    await events.resume(record, String(ids[0]), reader);
    await replies.publish({ sessionId: record.id, scopes: [], message: {} });
    await call.end('two');
    await Promise.all([sessions.close(), events.close(), replies.close()]);
  }

  test('every key has the one prefix and expires, and no step touches two slots of a cluster', async () => {
    await useAll();
    const found = await keys();

    expect(Object.keys(found).length).toBeGreaterThanOrEqual(10);
    expect(Object.keys(found).filter((name) => !name.startsWith(PREFIX))).toEqual([]);
    expect(Object.entries(found).filter(([, ttl]) => ttl <= 0)).toEqual([]);
  });

  describe('what a session leaves', () => {
    test('is nothing, once it has ended', async () => {
      const sessions = redisSessions({ connection, idleMs: LONG_MS });
      const events = eventsOfOneProcess({ connection, maxStreamChars: 10_000, retainMs: LONG_MS });
      await useAll().catch(() => {}); // the owner has the one session that he may have
      await sessions.delete('session');
      await events.forget('session');
      const names = Object.keys(await keys());

      expect(names.filter((name) => name.includes('{session}') || name.startsWith(`${PREFIX}owner`))).toEqual(
        [],
      );
      await Promise.all([sessions.close(), events.close()]);
    });
  });

  test.each(ODD)('an event is read as it was written: case %#', async (data) => {
    const [writing, reading] = [0, 1].map(() =>
      eventsOfOneProcess({ connection, maxStreamChars: 1_000_000, retainMs: LONG_MS }),
    ) as [ReturnType<typeof eventsOfOneProcess>, ReturnType<typeof eventsOfOneProcess>];
    const owner = { id: 'odd "} session', owner: 'odd \n owner' };
    const ids: string[] = [];
    const stream = await writing.begin(
      { ...owner, scopes: [] },
      { onEvent: ({ id }) => ids.push(id), onEnd: () => {} },
      'lost',
    );
    await stream.append(data);
    const seen: string[] = [];
    const ended = new Promise<void>((resolve) => {
      void reading.resume(owner, String(ids[0]), {
        onEvent: (event) => seen.push(event.data),
        onEnd: resolve,
      });
    });
    await stream.append(data);
    await stream.end(data);
    await ended;

    expect(seen).toEqual([data, data, data]);
    await Promise.all([writing.close(), reading.close()]);
  });
});
