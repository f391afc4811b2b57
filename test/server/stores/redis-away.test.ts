/** What the stores do while Redis is away, and after it came back. The faults are real. */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { connect, type Connection } from '../../../src/server/stores/redis/connection.js';
import { redisChanges } from '../../../src/server/stores/redis/changes.js';
import { redisRateLimits } from '../../../src/server/stores/redis/rate-limits.js';
import { redisSessions } from '../../../src/server/stores/redis/sessions.js';
import type { EventReader } from '../../../src/server/stores/event-log.js';
import { type SessionRecord, StoreUnavailable } from '../../../src/server/stores/types.js';
import { after } from './after.js';
import { eventsOfOneProcess, slotsOfOneProcess } from './one-process.js';
import { describeWithRedis } from '../../helpers/redis.js';
import { type RedisServer, startRedis } from '../../helpers/redis-server.js';
import { startRelay } from '../../helpers/relay.js';

const MAX_WAIT_MS = 500;
const LIMIT = { points: 9, windowMs: 60_000 };

describeWithRedis('while Redis is away', () => {
  let server: RedisServer;
  let connection: Connection;
  let waiting: { now: boolean; resolve: () => void }[];
  let answers: { seconds: number; ok: boolean }[];

  beforeEach(async () => {
    server = await startRedis();
    waiting = [];
    answers = [];
    connection = open();
    await until(true);
  });
  afterEach(async () => {
    await connection.close();
    await server.stop();
  });

  function open(port = server.port): Connection {
    return connect({
      url: `redis://127.0.0.1:${port}`,
      onChange: (now) => {
        for (const one of waiting) if (one.now === now) one.resolve();
      },
      onAnswer: (seconds, ok) => answers.push({ seconds, ok }),
    });
  }

  function until(now: boolean): Promise<void> {
    if (connection.healthy() === now) return Promise.resolve();
    return new Promise((resolve) => waiting.push({ now, resolve }));
  }

  const session = (): SessionRecord => ({
    id: randomBytes(32).toString('base64url'),
    owner: 'alice',
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'client', version: '1' },
    clientCapabilities: {},
    subscriptions: [],
  });

  test('a killed Redis makes strict limits refuse, local ones share, and sessions say so; nothing is free', async () => {
    const strict = redisRateLimits({ connection, onFailure: 'strict', replicas: 3 }).limiter('a', LIMIT);
    const local = redisRateLimits({ connection, onFailure: 'local', replicas: 3 }).limiter('b', LIMIT);
    const sessions = redisSessions({ connection, idleMs: 60_000 });
    await server.stop();
    await until(false);

    await expect(strict.consume('k')).rejects.toThrow(StoreUnavailable);
    const passed = [];
    for (let i = 0; i < 9; i++) passed.push((await local.consume('k')).allowed);
    expect(passed.filter(Boolean)).toHaveLength(3);
    await expect(sessions.get('any', 'alice')).rejects.toThrow(StoreUnavailable);
    await expect(sessions.create(session(), 10)).rejects.toThrow(StoreUnavailable);
    await expect(sessions.delete('any')).rejects.toThrow(StoreUnavailable);
    await sessions.close();
  });

  test('each command is timed, a limit that is used up is an answer, and one that Redis refuses is none', async () => {
    const limiter = redisRateLimits({ connection, onFailure: 'strict', replicas: 1 }).limiter('a', LIMIT);
    await limiter.consume('k', LIMIT.points);
    expect((await limiter.consume('k')).allowed).toBe(false);
    expect(answers.map(({ ok }) => ok)).toEqual([true, true]);
    expect(answers.every(({ seconds }) => seconds > 0 && seconds < 10)).toBe(true);

    await expect(connection.run((client) => client.sendCommand(['NO-SUCH-COMMAND']))).rejects.toThrow();
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, false]);
  });

  test('a killed Redis makes strict stream slots refuse, and local ones share', async () => {
    const strict = slotsOfOneProcess({ connection, onFailure: 'strict', replicas: 3 });
    const local = slotsOfOneProcess({ connection, onFailure: 'local', replicas: 3 });
    await server.stop();
    await until(false);

    await expect(strict.take('alice', 9)).rejects.toThrow(StoreUnavailable);
    const taken = [];
    for (let i = 0; i < 9; i++) taken.push(await local.take('alice', 9));
    expect(taken.filter(Boolean)).toHaveLength(3);
    await Promise.all([strict.close(), local.close()]);
  });

  test('a Redis that comes back is used again without a restart', async () => {
    const limiter = redisRateLimits({ connection, onFailure: 'strict', replicas: 1 }).limiter('a', LIMIT);
    await server.stop();
    await until(false);
    server = await startRedis(server.port);
    await until(true);

    expect(await limiter.consume('k')).toMatchObject({ allowed: true, remaining: 8 });
  });

  test.each(['local', 'strict'] as const)(
    'a Redis that comes back empty again and again adds one share to a %s limit, never its points anew',
    async (onFailure) => {
      const limiter = redisRateLimits({ connection, onFailure, replicas: 3 }).limiter('a', LIMIT);
      let passed = 0;
      const spend = async () => {
        for (let i = 0; i < 12; i++) {
          const { allowed } = await limiter.consume('k').catch(() => ({ allowed: false }));
          if (allowed) passed++;
        }
      };
      await spend();
      for (let i = 0; i < 3; i++) {
        await server.stop();
        await until(false);
        await spend();
        server = await startRedis(server.port);
        await until(true);
        await spend();
      }

      expect(passed).toBe(LIMIT.points + 3);
    },
  );

  test('one window after Redis came back, replicas count together again', async () => {
    const limit = { points: 9, windowMs: 1000 };
    const limiter = redisRateLimits({ connection, onFailure: 'local', replicas: 3 }).limiter('a', limit);
    await server.stop();
    await until(false);
    server = await startRedis(server.port);
    await until(true);

    expect(await limiter.consume('k')).toMatchObject({ allowed: true, limit: 3 });
    while ((await limiter.consume('k')).limit === 3) await after(20);
    expect(await limiter.consume('other')).toMatchObject({ allowed: true, limit: 9, remaining: 8 });
  });

  test('a Redis that is down at the start is waited for', async () => {
    await connection.close();
    await server.stop();
    connection = open();
    const sessions = redisSessions({ connection, idleMs: 60_000 });
    await expect(sessions.get('any', 'alice')).rejects.toThrow(StoreUnavailable);
    expect(connection.healthy()).toBe(false);
    server = await startRedis(server.port);
    await until(true);

    expect(await sessions.get('any', 'alice')).toBeUndefined();
    await sessions.close();
  });

  test('a frozen Redis costs one deadline, then nothing, until it goes on; then messages may have been lost', async () => {
    const sessions = redisSessions({ connection, idleMs: 60_000 });
    await until(true);
    const back = jest.fn();
    connection.onBack(back);
    server.process.kill('SIGSTOP');
    const startedAt = performance.now();
    await expect(sessions.get('any', 'alice')).rejects.toThrow(StoreUnavailable);
    expect(performance.now() - startedAt).toBeLessThan(MAX_WAIT_MS);
    expect(connection.healthy()).toBe(false);
    await expect(sessions.get('any', 'alice')).rejects.toMatchObject({ reason: 'Redis is away' });
    expect(back).not.toHaveBeenCalled();
    server.process.kill('SIGCONT');
    await until(true);

    expect(await sessions.get('any', 'alice')).toBeUndefined();
    expect(back).toHaveBeenCalledTimes(1);
    await sessions.close();
  });

  test.each([
    ['out of memory', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['read-only', ['REPLICAOF', '127.0.0.1', '1']],
  ])('a Redis that is %s refuses what must be written, and invents nothing', async (_why, command) => {
    const limiter = redisRateLimits({ connection, onFailure: 'strict', replicas: 1 }).limiter('a', LIMIT);
    const sessions = redisSessions({ connection, idleMs: 60_000 });
    await connection.run((client) => client.sendCommand(command));

    await expect(limiter.consume('k')).rejects.toThrow(StoreUnavailable);
    await expect(sessions.create(session(), 10)).rejects.toThrow(StoreUnavailable);
    await sessions.close();
  });

  test('the reason that is told of an outage is its own, not that of the one before', async () => {
    const changes = new EventEmitter();
    const onChange = (now: boolean, error?: unknown) => changes.emit(now ? 'back' : 'away', error);
    const watched = connect({ url: server.url, onChange });
    await once(changes, 'back');
    const reasonOf = async (inflict: () => unknown) => {
      const away = once(changes, 'away');
      await inflict();
      return String((await away)[0]);
    };

    try {
      expect(await reasonOf(() => server.stop())).toMatch(/closed|ECONN/);
      const back = once(changes, 'back');
      server = await startRedis(server.port);
      await back;
      expect(await reasonOf(() => server.process.kill('SIGSTOP'))).toMatch(/no answer in time|no message/);
    } finally {
      server.process.kill('SIGCONT');
      await watched.close();
    }
  });

  test('in an emptied Redis a session is unknown, as if it had idled out', async () => {
    const sessions = redisSessions({ connection, idleMs: 60_000 });
    const record = session();
    await sessions.create(record, 10);
    await connection.run((client) => client.flushAll());

    expect(await sessions.get(record.id, record.owner)).toBeUndefined();
    await sessions.close();
  });

  test('a subscriber that is cut off, again and again, comes back without Redis being away', async () => {
    const changes: boolean[] = [];
    const watched = connect({ url: server.url, onChange: (available) => void changes.push(available) });
    watched.subscribe('mcp:any', () => {});
    await connected(watched);
    const until = performance.now() + 600; // it is probed twice a second
    while (performance.now() < until) {
      await connection.run((client) => client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']));
      await watched.run((client) => client.get('any'));
    }
    await new Promise<void>((resolve) => watched.onBack(resolve));

    expect(changes).toEqual([true]);
    await watched.close();
  });

  test('a reader whose messages are cut off still gets every event once, in order, and the end', async () => {
    const [here, there] = [open(), open()];
    const options = { maxStreamChars: 100_000, retainMs: 60_000 };
    const [writing, reading] = [
      eventsOfOneProcess({ connection: here, ...options }),
      eventsOfOneProcess({ connection: there, ...options }),
    ];
    await connected(here, there);
    const record = session();
    const first: string[] = [];
    const stream = await writing.begin(
      { ...record, scopes: [] },
      { onEvent: ({ id }) => void first.push(id), onEnd: () => {} },
      'lost',
    );
    const seen: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      const reader: EventReader = { onEvent: ({ data }) => void seen.push(data), onEnd: () => resolve() };
      reading.resume(record, String(first[0]), reader).catch(reject);
    });
    const sent = [];
    for (let i = 0; i < 30; i++) {
      if (i % 10 === 5) {
        await connection.run((client) => client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']));
      }
      sent.push(String(i));
      await stream.append(String(i));
    }
    await stream.end('last');
    await ended;

    expect(seen).toEqual([...sent, 'last']);
    await Promise.all([writing.close(), reading.close(), here.close(), there.close()]);
  });

  test('a stream that Redis did not begin in time has no reader that is told of its end later', async () => {
    const log = eventsOfOneProcess({ connection, maxStreamChars: 1000, retainMs: 300 });
    const reader = { onEvent: jest.fn(), onEnd: jest.fn() };
    server.process.kill('SIGSTOP');
    const begun = log.begin({ ...session(), scopes: [] }, reader, 'lost');
    await expect(begun).rejects.toThrow(StoreUnavailable);
    server.process.kill('SIGCONT');
    await until(true);
    await log.close();

    expect(reader.onEnd).not.toHaveBeenCalled();
    expect(reader.onEvent).not.toHaveBeenCalled();
  });

  test('a stream far larger than what is kept of it is read whole where it is written', async () => {
    const log = eventsOfOneProcess({ connection, maxStreamChars: 1000, retainMs: 3000 });
    const seen: string[] = [];
    let finish = () => {};
    const ended = new Promise<void>((resolve) => (finish = resolve));
    const stream = await log.begin(
      { ...session(), scopes: [] },
      { onEvent: ({ data }) => seen.push(data), onEnd: finish },
      'lost',
    );
    const sent = Array.from({ length: 3000 }, (_, i) => `${i} ${'x'.repeat(500)}`);
    for (let i = 0; i < sent.length; i += 50) {
      await Promise.all(sent.slice(i, i + 50).map((data) => stream.append(data)));
    }
    await stream.end('last');
    await ended;

    expect(seen).toEqual(['', ...sent, 'last']);
    await log.close();
  });

  test('a reader that missed what is no longer kept is told so, and asks no more', async () => {
    const relay = await startRelay(server.port);
    const [here, there] = [open(), open(relay.port)];
    await connected(here, there);
    const options = { maxStreamChars: 1000, retainMs: 60_000 };
    const [writing, reading] = [
      eventsOfOneProcess({ connection: here, ...options }),
      eventsOfOneProcess({ connection: there, ...options }),
    ];
    const record = session();
    const ids: string[] = [];
    const stream = await writing.begin(
      { ...record, scopes: [] },
      { onEvent: ({ id }) => void ids.push(id), onEnd: () => {} },
      'lost',
    );
    let end: (error?: Error) => void = () => {};
    const ended = new Promise<unknown>((resolve) => (end = resolve));
    await reading.resume(record, String(ids[0]), { onEvent: () => {}, onEnd: end });
    relay.close();
    await Promise.all(Array.from({ length: 50 }, () => stream.append('x'.repeat(500))));
    const laterRelay = await startRelay(server.port, relay.port);

    expect(await ended).toBeInstanceOf(Error);
    laterRelay.close();
    await Promise.all([writing.close(), reading.close(), here.close(), there.close()]);
  });

  test('a call whose process is gone ends with its last words within five seconds', async () => {
    const [here, there] = [open(), open()];
    await connected(here, there);
    const options = { maxStreamChars: 100_000, retainMs: 60_000 };
    const dying = eventsOfOneProcess({ connection: here, ...options });
    const living = eventsOfOneProcess({ connection: there, ...options });
    const record = session();
    const ids: string[] = [];
    const nobody: EventReader = { onEvent: ({ id }) => void ids.push(id), onEnd: () => {} };
    const call = await dying.begin({ ...record, scopes: [] }, nobody, 'last words');
    await call.append('one');
    await dying.close();

    const startedAt = performance.now();
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      const reader: EventReader = { onEvent: ({ data }) => void seen.push(data), onEnd: () => resolve() };
      void living.resume(record, String(ids[0]), reader);
    });

    expect(seen).toEqual(['one', 'last words']);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    await Promise.all([living.close(), here.close(), there.close()]);
  });

  test('a change published while Redis is away is told where it was made, and everything is told again once it is back', async () => {
    const [here, there] = [open(), open()];
    await Promise.all([here, there].map((one) => new Promise<void>(one.onBack)));
    const [making, hearing] = [redisChanges(here), redisChanges(there)];
    const told: string[] = [];
    making.subscribe([{ kind: 'tools' }], ({ kind }) => told.push(kind));
    const again = Promise.all([making, hearing].map((one) => new Promise<void>(one.onMissed)));
    await server.stop();
    while (here.healthy()) await after(10);
    making.publish({ kind: 'tools' });
    while (told.length === 0) await after(10);
    server = await startRedis(server.port);
    await again;

    expect(told).toEqual(['tools']);
    await Promise.all([making.close(), hearing.close(), here.close(), there.close()]);
  });

  test('what only one replica could not publish makes all tell everything again, once that one can', async () => {
    const [here, there] = [open(), open()];
    await Promise.all([here, there].map((one) => new Promise<void>(one.onBack)));
    let back = () => {};
    let isRefused = true;
    const flaky: Connection = {
      ...here,
      run: (command) => (isRefused ? Promise.reject(new StoreUnavailable('refused')) : here.run(command)),
      onBack: (listener) => {
        back = listener;
        return () => {};
      },
    };
    const [making, hearing] = [redisChanges(flaky), redisChanges(there)];
    const told = jest.fn();
    hearing.subscribe([{ kind: 'tools' }], told);
    const missed = new Promise<void>(hearing.onMissed);
    const listening = () => connection.client.pubSubNumSub('mcp:changes-lost');
    while ((await listening())['mcp:changes-lost'] !== 2) await after(10);
    making.publish({ kind: 'tools' });
    await new Promise((resolve) => setImmediate(resolve));
    isRefused = false;
    back();
    await missed;

    expect(told).not.toHaveBeenCalled();
    await Promise.all([making.close(), hearing.close(), here.close(), there.close()]);
  });

  async function connected(...connections: Connection[]): Promise<void> {
    for (const one of connections) {
      while (!one.healthy()) await new Promise((resolve) => setImmediate(resolve));
    }
  }
});
