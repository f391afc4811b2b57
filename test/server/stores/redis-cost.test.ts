/** What a call costs on Redis, counted on the wire between the server and a real one. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { describeWithRedis } from '../../helpers/redis.js';
import { type RedisServer, startRedis } from '../../helpers/redis-server.js';
import { until } from '../../helpers/until.js';
import { callTool, openSession, post } from '../process/requests.js';
import { closeAll, start, type Started } from '../process/start.js';

const CALLS = 20;

describeWithRedis('a call answered as JSON', () => {
  let redis: RedisServer;
  let wire: Server;
  let server: Started;
  /** What the server sent. Each script is a round trip, when it waits for the answer. */
  let writes: string[];

  beforeEach(async () => {
    redis = await startRedis();
    writes = [];
    wire = createServer((from) => {
      const to = connect(redis.port, '127.0.0.1');
      from.on('data', (chunk) => writes.push(chunk.toString('latin1')));
      from.pipe(to).pipe(from);
      for (const socket of [from, to]) socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(wire, 'listening');
    server = await start({ REDIS_URL: `redis://127.0.0.1:${(wire.address() as AddressInfo).port}` });
    await until(async () => (await fetch(new URL('/readyz', server.adminUrl))).ok);
  });
  afterEach(async () => {
    await closeAll();
    wire.close();
    await redis.stop();
  });

  const sent = (pattern: RegExp) =>
    writes
      .join('')
      .split(/(?=\*\d+\r\n\$\d+\r\n)/)
      .filter((command) => pattern.test(command));
  /** No call waits for what keeps a place (`XX`), nor for what asks how a session stands (`XRANGE`, with a read of it). */
  const awaited = () => sent(/EVAL/).filter((text) => !/'XX'|XRANGE/.test(text));
  const readsThatAreAwaited = () => sent(/\r\nHGETALL\r\n/).length - sent(/XRANGE/).length;

  test('in revision 2026-07-28 waits for Redis twice: for the address, for the caller', async () => {
    await callTool(server.url, 'crash');
    writes.length = 0;
    for (let i = 0; i < CALLS; i++) expect((await callTool(server.url, 'crash')).status).toBe(200);

    expect(awaited()).toHaveLength(2 * CALLS);
    expect(readsThatAreAwaited()).toBe(0);
  });

  test('in a session waits for Redis a third time: for the session', async () => {
    const session = await openSession(server.url);
    const call = () =>
      post(server.url, { method: 'tools/call', params: { name: 'crash', arguments: {} } }, session);
    writes.length = 0;
    for (let i = 0; i < CALLS; i++) expect((await call()).status).toBe(200);

    expect(awaited()).toHaveLength(3 * CALLS);
    expect(readsThatAreAwaited()).toBe(0);
    expect(awaited().filter((text) => text.includes('HGETALL'))).toHaveLength(CALLS);
    expect(sent(/'XX'/).length).toBeLessThan(CALLS / 2); // its slot, once a second
  });
});
