/** The stores on a Redis Cluster, and on a Redis that Sentinel watches: the same promises, and what a failover costs. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { examine } from '../../../src/server/commands/doctor.js';
import { defineTool } from '../../../src/server/index.js';
import { redisChanges } from '../../../src/server/stores/redis/changes.js';
import { redisClientReplies } from '../../../src/server/stores/redis/client-replies.js';
import type { RedisAddress } from '../../../src/server/stores/redis/client.js';
import { connect, type Connection } from '../../../src/server/stores/redis/connection.js';
import { redisRateLimits } from '../../../src/server/stores/redis/rate-limits.js';
import { redisSessions } from '../../../src/server/stores/redis/sessions.js';
import { redisKeptValues } from '../../../src/server/stores/redis/kept-values.js';
import { redisUsedOnce } from '../../../src/server/stores/redis/used-once.js';
import { describeWithRedis } from '../../helpers/redis.js';
import { type RedisGroup, SENTINEL_NAME, startCluster, startSentinels } from '../../helpers/redis-groups.js';
import { serve, type Served } from '../../helpers/serve.js';
import { SETTINGS } from '../../settings.js';
import { after } from './after.js';
import { changeBusContract } from './changes.contract.js';
import { clientRepliesContract } from './client-replies.contract.js';
import { replicaMessagesContract } from './replica-messages.contract.js';
import { eventLogContract } from './events.contract.js';
import { eventsOfOneProcess, slotsOfOneProcess } from './one-process.js';
import { rateLimitContract } from './rate-limits.contract.js';
import { sessionContract } from './sessions.contract.js';
import { streamSlotContract } from './stream-slots.contract.js';
import { keptValuesContract } from './kept-values.contract.js';
import { usedOnceContract } from './used-once.contract.js';

const KINDS = [
  ['a Redis Cluster', startCluster, { mode: 'cluster' }, { REDIS_MODE: 'cluster' }],
  [
    'a Redis that Sentinel watches',
    startSentinels,
    { mode: 'sentinel', sentinelName: SENTINEL_NAME },
    { REDIS_MODE: 'sentinel', REDIS_SENTINEL_NAME: SENTINEL_NAME },
  ],
] as const satisfies readonly (readonly [string, () => Promise<RedisGroup>, Partial<RedisAddress>, object])[];

describeWithRedis('on', () => {
  describe.each(KINDS)('%s', (_name, startGroup, address, env) => {
    let group: RedisGroup;
    const open: Connection[] = [];
    const served: Served[] = [];

    beforeAll(async () => {
      group = await startGroup();
    }, 60_000);
    afterEach(async () => {
      await Promise.all(served.splice(0).map((one) => one.close()));
      await Promise.all(open.splice(0).map((connection) => connection.close()));
    });
    afterAll(() => group.close());

    async function emptied(): Promise<Connection> {
      group.flush();
      let connection: Connection | undefined;
      const available = new Promise<void>((resolve) => {
        connection = connect({ url: group.url, ...address, onChange: (now) => now && resolve() });
      });
      await available;
      open.push(connection as Connection);
      return connection as Connection;
    }

    const shared = { onFailure: 'strict', replicas: 1 } as const;
    rateLimitContract(async () => redisRateLimits({ connection: await emptied(), ...shared }));
    sessionContract(async (idleMs, inUseMs) =>
      redisSessions({ connection: await emptied(), idleMs, ...(inUseMs !== undefined && { inUseMs }) }),
    );
    changeBusContract(async () => redisChanges(await emptied()));
    clientRepliesContract(async () => redisClientReplies(await emptied()));
    replicaMessagesContract(emptied);
    usedOnceContract(async () => redisUsedOnce(await emptied()));
    keptValuesContract(async () => redisKeptValues(await emptied()));
    streamSlotContract(async () => slotsOfOneProcess({ connection: await emptied(), ...shared }));
    eventLogContract(async (options) => eventsOfOneProcess({ connection: await emptied(), ...options }));

    test('npm run doctor finds it in order', async () => {
      const { problems, findings } = await examine(
        {},
        { PORT: '0', ADMIN_PORT: '0', ...SETTINGS, ...env, REDIS_URL: group.url },
      );

      expect(problems).toEqual([]);
      expect(findings.filter(({ check }) => check === 'Redis')).toEqual([
        expect.objectContaining({ level: 'ok' }),
      ]);
    });

    /** Last: it costs the group its first primary. */
    test('a killed primary costs 503 until its replica has taken over, and no wrong answer, session or point', async () => {
      let ran = 0;
      const count = defineTool({
        name: 'count',
        description: 'Counts its calls',
        input: z.object({}),
        scopes: ['a'],
        run: async () => ({ content: [{ type: 'text', text: String(++ran) }] }),
      });
      const variables = {
        ...env,
        REDIS_URL: group.url,
        REPLICAS: '2',
        STORE_FAILURE: 'strict',
        STATE_KEYS: randomBytes(32).toString('base64url'),
        RATE_LIMIT_IP: '100000/60s',
        RATE_LIMIT_CALLER: '100000/60s',
      };
      const start = async () => {
        const one = await serve({ tools: [count], resources: [], prompts: [] }, ['a'], variables);
        served.push(one);
        while (!(await fetch(new URL('/readyz', one.adminUrl))).ok) await after(20);
        return one;
      };
      const replicas = [await start(), await start()];
      const [first] = replicas;
      if (!first) throw new Error('no replica');
      const send = ({ url, key }: Served, body: object, session?: string) =>
        fetch(url, {
          method: 'POST',
          headers: {
            'X-Api-Key': key,
            'Content-Type': 'application/json',
            Accept: 'application/json, text/event-stream',
            ...(session !== undefined && { 'Mcp-Session-Id': session }),
          },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
        });
      const clientInfo = { name: 'test', version: '1' };
      const initialize = {
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
      };
      const call = { method: 'tools/call', params: { name: 'count', arguments: {} } };
      /** Asks again after a 503: on a busy machine Redis may answer too late. */
      const openSession = async (): Promise<string> => {
        const response = await send(first, initialize);
        await response.text();
        return response.headers.get('mcp-session-id') ?? openSession();
      };
      const sessions = await Promise.all(Array.from({ length: 20 }, openSession));

      const answers: { at: number; status: number; text: string }[] = [];
      const sent: Promise<void>[] = [];
      const timer = setInterval(() => {
        const session = sessions[sent.length % sessions.length];
        sent.push(
          send(first, call, session).then(async (response) => {
            answers.push({ at: performance.now(), status: response.status, text: await response.text() });
          }),
        );
      }, 10);
      try {
        while (answers.filter(({ status }) => status === 200).length < 50) await after(10);
        await group.replicated(); // what no replica has is lost with its primary
        const killedAt = performance.now();
        await group.servers[0]?.stop();
        const isBack = () =>
          answers.some(({ at, status }) => status === 503 && at > killedAt) &&
          answers.slice(-30).every(({ status }) => status === 200);
        while (!isBack()) await after(50);
        clearInterval(timer);
        await Promise.all(sent);

        const away = answers.filter(({ status }) => status !== 200);
        expect(new Set(away.map(({ status }) => status))).toEqual(new Set([503]));
        expect(
          answers.filter(({ status }) => status === 200).every(({ text }) => text.includes('"content"')),
        ).toBe(true);
        expect(ran).toBe(answers.length - away.length);
        for (const session of sessions) expect((await send(first, call, session)).status).toBe(200);
      } finally {
        clearInterval(timer);
      }
    }, 120_000);
  });
});
