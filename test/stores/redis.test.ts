import { afterAll, beforeAll } from '@jest/globals';
import { connect, type Connection } from '../../src/stores/redis/connection.js';
import { redisChanges } from '../../src/stores/redis/changes.js';
import { redisEvents } from '../../src/stores/redis/events.js';
import { redisOnce } from '../../src/stores/redis/once.js';
import { redisRateLimits } from '../../src/stores/redis/rate-limits.js';
import { redisSessions } from '../../src/stores/redis/sessions.js';
import { describeWithRedis, type RedisServer, startRedis } from '../helpers/redis.js';
import { changeBusContract } from './changes.contract.js';
import { onceContract } from './once.contract.js';
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
  sessionContract(async (idleMs) => redisSessions({ connection: await emptied(), idleMs }));
  changeBusContract(async () => redisChanges(await emptied(), 60_000));
  onceContract(async () => redisOnce(await emptied()));
  eventLogContract(async (options) => redisEvents({ connection: await emptied(), ...options }));
});
