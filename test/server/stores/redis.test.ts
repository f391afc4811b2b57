import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisChanges } from '../../../src/server/stores/redis/changes.js';
import { redisClientReplies } from '../../../src/server/stores/redis/client-replies.js';
import { connect, type Connection, PREFIX } from '../../../src/server/stores/redis/connection.js';
import { redisKeptValues } from '../../../src/server/stores/redis/kept-values.js';
import { redisUsedOnce } from '../../../src/server/stores/redis/used-once.js';
import { redisRateLimits } from '../../../src/server/stores/redis/rate-limits.js';
import { redisSessions } from '../../../src/server/stores/redis/sessions.js';
import { describeWithRedis } from '../../helpers/redis.js';
import { type RedisServer, startRedis } from '../../helpers/redis-server.js';
import { TASK_LOST, type TaskStore } from '../../../src/server/stores/task-store.js';
import { taskContract } from './tasks.contract.js';
import { after } from './after.js';
import { changeBusContract } from './changes.contract.js';
import { keptValuesContract } from './kept-values.contract.js';
import { clientRepliesContract } from './client-replies.contract.js';
import { replicaMessagesContract } from './replica-messages.contract.js';
import { usedOnceContract } from './used-once.contract.js';
import { eventsOfOneProcess, slotsOfOneProcess, tasksOfOneProcess } from './one-process.js';
import { streamSlotContract } from './stream-slots.contract.js';
import { rateLimitContract } from './rate-limits.contract.js';
import { eventLogContract } from './events.contract.js';
import { sessionContract } from './sessions.contract.js';

describeWithRedis('on Redis', () => {
  let server: RedisServer;
  const open: Connection[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()));
    await server.stop();
  });

  async function emptied(): Promise<Connection> {
    const available = new Promise<void>((resolve) => {
      const connection = connect({ url: server.url, onChange: (now) => now && resolve() });
      open.push(connection);
    });
    await available;
    const connection = open.at(-1) as Connection;
    await connection.run((client) => client.flushAll());
    return connection;
  }

  rateLimitContract(async () =>
    redisRateLimits({ connection: await emptied(), onFailure: 'strict', replicas: 1 }),
  );
  sessionContract(async (idleMs, inUseMs) =>
    redisSessions({ connection: await emptied(), idleMs, ...(inUseMs !== undefined && { inUseMs }) }),
  );
  changeBusContract(async () => redisChanges(await emptied()));
  clientRepliesContract(async () => redisClientReplies(await emptied()));
  replicaMessagesContract(emptied);
  usedOnceContract(async () => redisUsedOnce(await emptied()));
  keptValuesContract(async () => redisKeptValues(await emptied()));
  const shared = { onFailure: 'strict', replicas: 1 } as const;
  streamSlotContract(async () => slotsOfOneProcess({ connection: await emptied(), ...shared }));

  describe('stream slots of several processes', () => {
    test('count together, and those of one that died are free within five seconds', async () => {
      const connection = await emptied();
      const [here, dying] = [
        slotsOfOneProcess({ connection, ...shared }),
        slotsOfOneProcess({ connection, ...shared }),
      ];
      const taken = [here, dying, here, dying].map((slots) => slots.take('alice', 3));
      expect((await Promise.all(taken)).filter(Boolean)).toHaveLength(3);
      const diedAt = performance.now();
      await dying.close();
      while (!(await here.take('alice', 3))) await after(50);

      expect(performance.now() - diedAt).toBeLessThan(5000);
      await here.close();
    });

    test('are counted again in an emptied Redis', async () => {
      const connection = await emptied();
      const [here, there] = [
        slotsOfOneProcess({ connection, ...shared }),
        slotsOfOneProcess({ connection, ...shared }),
      ];
      await Promise.all([here.take('alice', 2), there.take('alice', 2)]);
      await connection.run((client) => client.flushAll());
      while ((await connection.run((client) => client.keys(`${PREFIX}slots:*`))).length === 0)
        await after(50);
      await after(600); // until the other has said so, too

      expect(await here.take('alice', 2)).toBeUndefined();
      await Promise.all([here.close(), there.close()]);
    });
  });
  taskContract(async () => tasksOfOneProcess({ connection: await emptied() }));

  test('a task whose process died has failed within five seconds, and one whose process lives works on', async () => {
    const connection = await emptied();
    const [here, dying, living] = [1, 2, 3].map((): TaskStore => tasksOfOneProcess({ connection }));
    const task = { owner: 'alice', tool: 'work', createdAt: Date.now(), ttlMs: 60_000 };
    await dying?.create({ ...task, id: 'lost' }, 10);
    await dying?.create({ ...task, id: 'unseen' }, 10);
    await living?.create({ ...task, id: 'kept' }, 10);
    await dying?.close();
    const diedAt = performance.now();
    while ((await here?.get('lost', 'alice'))?.status === 'working') await after(100);

    expect(performance.now() - diedAt).toBeLessThan(5000);
    expect(await here?.get('lost', 'alice')).toMatchObject(TASK_LOST);
    expect(await here?.get('unseen', 'alice')).toMatchObject(TASK_LOST); // for whoever looks for the first time too
    expect((await here?.get('kept', 'alice'))?.status).toBe('working');
    await Promise.all([here?.close(), living?.close()]);
  });
  eventLogContract(async (options) => eventsOfOneProcess({ connection: await emptied(), ...options }));
});
