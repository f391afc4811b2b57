import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { openStores } from '../../../src/server/stores/index.js';
import { memoryChanges, memoryClientReplies } from '../../../src/server/stores/memory/bus.js';
import { memoryEvents } from '../../../src/server/stores/memory/events.js';
import { memoryUsedOnce } from '../../../src/server/stores/memory/used-once.js';
import { memoryStreamSlots } from '../../../src/server/stores/memory/stream-slots.js';
import { memoryRateLimits } from '../../../src/server/stores/memory/rate-limits.js';
import { memorySessions } from '../../../src/server/stores/memory/sessions.js';
import { StoreUnavailable } from '../../../src/server/stores/types.js';
import { changeBusContract } from './changes.contract.js';
import { clientRepliesContract } from './client-replies.contract.js';
import { eventLogContract } from './events.contract.js';
import { memoryTasks } from '../../../src/server/stores/memory/tasks.js';
import { taskContract } from './tasks.contract.js';
import { memoryKeptValues } from '../../../src/server/stores/memory/kept-values.js';
import { keptValuesContract } from './kept-values.contract.js';
import { usedOnceContract } from './used-once.contract.js';
import { streamSlotContract } from './stream-slots.contract.js';
import { rateLimitContract } from './rate-limits.contract.js';
import { sessionContract } from './sessions.contract.js';

rateLimitContract(async () => memoryRateLimits());
sessionContract(async (idleMs, inUseMs) => memorySessions(idleMs, undefined, inUseMs));
usedOnceContract(async () => memoryUsedOnce());
taskContract(async () => memoryTasks());
keptValuesContract(async () => memoryKeptValues());

test('kept values beyond the memory for all are refused, and those before stay', async () => {
  const store = memoryKeptValues(1000);
  await store.set('a', 'x'.repeat(500), 60_000);
  await expect(store.set('b', 'x'.repeat(500), 60_000)).rejects.toThrow(StoreUnavailable);
  expect((await store.take('a'))?.length).toBe(500);
  await store.set('b', 'x'.repeat(500), 60_000);
  expect((await store.get('b'))?.length).toBe(500);
  await store.close();
});

test('tasks beyond the memory for all are refused, and nothing of them stays', async () => {
  const tasks = memoryTasks(2000);
  const task = { id: 'one', owner: 'alice', tool: 'work', createdAt: 0, ttlMs: 60_000 };
  expect(await tasks.create(task, 10)).toBe(true);
  await expect(tasks.create({ ...task, id: 'two' }, 10)).rejects.toThrow(StoreUnavailable);
  const outcome = { text: 'x'.repeat(2000) };
  await expect(tasks.change('one', { status: 'completed', outcome })).rejects.toThrow(StoreUnavailable);
  expect(await tasks.get('two', 'alice')).toBeUndefined();
  expect((await tasks.get('one', 'alice'))?.status).toBe('working');
  await tasks.close();
});

test('a message that is replaced and an answer that is ignored take no memory', async () => {
  const tasks = memoryTasks(3000);
  await tasks.create({ id: 'one', owner: 'alice', tool: 'work', createdAt: 0, ttlMs: 60_000 }, 10);
  await tasks.change('one', { questions: { name: {} } });
  for (let i = 0; i < 10; i++) {
    const answers = { name: `${i}`.repeat(500), unasked: 'x' };
    expect(await tasks.change('one', { statusMessage: `${i}`.repeat(500), answers })).toBe(true);
  }
  expect((await tasks.get('one', 'alice'))?.answers).toEqual({ name: '0'.repeat(500) });
  await tasks.close();
});
streamSlotContract(async () => memoryStreamSlots());
changeBusContract(async () => memoryChanges());
clientRepliesContract(async () => memoryClientReplies());
eventLogContract(async (options) => memoryEvents(options.maxStreamChars, options.retainMs));

test('a rotation through many addresses forgets the oldest keys and keeps the newest', async () => {
  const store = memoryRateLimits({ maxKeys: 3 });
  const limiter = store.limiter('ip', { points: 1, windowMs: 60_000 });
  for (let i = 0; i < 1000; i++) await limiter.consume(`2001:db8:${i}::/64`);

  expect((await limiter.consume('2001:db8:0::/64')).allowed).toBe(true);
  expect((await limiter.consume('2001:db8:999::/64')).allowed).toBe(false);
  await store.close();
});

test('a flood of keys takes bounded memory', async () => {
  const store = memoryRateLimits();
  const limiter = store.limiter('ip', { points: 1, windowMs: 60_000 });
  const flood = async (from: number): Promise<number> => {
    for (let i = from; i < from + 60_000; i++) await limiter.consume(`2001:db8:${i}::/64`);
    return heapInUse();
  };
  const first = await flood(0);

  expect((await flood(60_000)) - first).toBeLessThan(5 * 1024 * 1024);
  await store.close();
});

function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test('a full memory of what happened refuses; it forgets nothing early', async () => {
  const once = memoryUsedOnce({ maxKeys: 1 });
  await once.take('a', 60_000);

  await expect(once.take('b', 60_000)).rejects.toThrow(StoreUnavailable);
  expect(await once.take('a', 60_000)).toBe(false);
  await once.close();
});

test('sessions of one owner take bounded memory, in creation and in updates', async () => {
  const store = memorySessions(60_000);
  const big = {
    owner: 'alice',
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'x'.repeat(1_000_000), version: '1' },
    clientCapabilities: {},
    subscriptions: [],
  };
  const results: boolean[] = [];
  for (let i = 0; i < 10; i++) results.push((await store.create({ ...big, id: `s${i}` }, 100)).created);

  expect(results.filter(Boolean)).toHaveLength(4);
  const subscriptions = ['x'.repeat(500_000)];
  await expect(store.update('s0', { subscriptions })).rejects.toThrow(StoreUnavailable);
  expect(await store.create({ ...big, id: 'b', owner: 'bob' }, 100)).toEqual({ created: true });
  await store.close();
});

test('sessions, and the logs of streams, of all owners keep to what the heap allows', async () => {
  const sessions = memorySessions(60_000, 10_000);
  const record = { protocolVersion: '2025-11-25', clientCapabilities: {}, subscriptions: [] };
  const clientInfo = { name: 'x'.repeat(4_000), version: '1' };
  const create = (owner: string) => sessions.create({ ...record, clientInfo, id: owner, owner }, 1);
  await create('a');
  await create('b');
  await expect(create('c')).rejects.toThrow(StoreUnavailable);
  await sessions.close();

  const events = memoryEvents(1_000_000, 60_000, 10_000);
  const silent = { onEvent: () => {}, onEnd: () => {} };
  const owners = ['a', 'b', 'c'].map((owner) => ({ id: owner, owner, scopes: [] }));
  const streams = await Promise.all(owners.map((owner) => events.begin(owner, silent, '')));
  const seen = await Promise.all(streams.map((stream) => stream.append('seen')));
  for (const stream of streams) await stream.append('x'.repeat(5_000));
  const resumed = await Promise.all(owners.map((owner, i) => events.resume(owner, String(seen[i]), silent)));
  await events.close();

  expect(resumed.map((stream) => stream !== undefined)).toEqual([false, false, true]);
});

test('a small session that makes room lets no large one past the memory of its owner', async () => {
  const store = memorySessions(60_000, undefined, 0);
  const record = (id: string, size: number) => ({
    id,
    owner: 'alice',
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'x'.repeat(size), version: '1' },
    clientCapabilities: {},
    subscriptions: [],
  });
  await store.create(record('small', 1), 5);
  for (let i = 0; i < 4; i++) await store.create(record(`large${i}`, 1_000_000), 5);

  expect(await store.create(record('another', 1_000_000), 5)).toEqual({
    created: false,
    retryAfterMs: expect.any(Number),
  });
  expect(await store.peek('small')).toBeDefined(); // nothing was ended for nothing
  expect(await store.create(record('tiny', 1), 5)).toEqual({ created: true, ended: 'small' });
  await store.close();
});

test('the events of many streams, sessions and owners take bounded memory, and the newest can be read', async () => {
  const log = memoryEvents(1024 * 1024, 600_000);
  const silent = { onEvent: () => {}, onEnd: () => {} };
  const before = heapInUse();
  const begun: { session: { id: string; owner: string }; seen: string }[] = [];
  for (let n = 0; n < 400; n++) {
    const session = { id: `s${n % 80}`, owner: `o${n % 20}` };
    const stream = await log.begin({ ...session, scopes: [] }, silent, '');
    const seen = String(await stream.append('x'));
    stream.stop();
    await stream.end(Buffer.alloc(1_000_000, n).toString('latin1'));
    begun.push({ session, seen });
  }
  const canRead = async ({ session, seen }: (typeof begun)[number]) =>
    (await log.resume(session, seen, silent)) !== undefined;

  expect(heapInUse() - before).toBeLessThan(140 * 1024 * 1024);
  expect(await canRead(begun.at(-1) as (typeof begun)[number])).toBe(true);
  expect(await canRead(begun[0] as (typeof begun)[number])).toBe(false);
  await log.close();
});

test('one session in excess forgets its own oldest streams, not those of others', async () => {
  const log = memoryEvents(1024 * 1024, 600_000);
  const silent = { onEvent: () => {}, onEnd: () => {} };
  const add = async (session: { id: string; owner: string }) => {
    const stream = await log.begin({ ...session, scopes: [] }, silent, '');
    const seen = String(await stream.append('x'));
    stream.stop();
    await stream.end('y'.repeat(900_000));
    return seen;
  };
  const [modest, greedy] = [
    { id: 's1', owner: 'alice' },
    { id: 's2', owner: 'alice' },
  ];
  const kept = await add(modest);
  const forgotten = await add(greedy);
  let newest = '';
  for (let n = 0; n < 20; n++) newest = await add(greedy);

  expect(await log.resume(modest, kept, silent)).toBeDefined();
  expect(await log.resume(greedy, forgotten, silent)).toBeUndefined();
  expect(await log.resume(greedy, newest, silent)).toBeDefined();
  await log.close();
});

test('an answer larger than all that a session may keep is kept, until the next stream needs the room', async () => {
  const log = memoryEvents(1024 * 1024, 600_000);
  const silent = { onEvent: () => {}, onEnd: () => {} };
  const session = { id: 's', owner: 'o' };
  const stream = await log.begin({ ...session, scopes: [] }, silent, '');
  const seen = String(await stream.append('x'));
  stream.stop();
  await stream.end('y'.repeat(10 * 1024 * 1024));
  const found: number[] = [];
  await log.resume(session, seen, { ...silent, onEvent: ({ data }) => void found.push(data.length) });

  expect(found).toEqual([10 * 1024 * 1024]);
  await log.begin({ ...session, scopes: [] }, silent, '');
  expect(await log.resume(session, seen, silent)).toBeUndefined();
  await log.close();
});

test('many small streams count as well', async () => {
  const log = memoryEvents(1024 * 1024, 600_000);
  const silent = { onEvent: () => {}, onEnd: () => {} };
  const before = heapInUse();
  for (let n = 0; n < 100_000; n++) {
    await (await log.begin({ id: 's', owner: 'o', scopes: [] }, silent, '')).end('');
  }

  expect(heapInUse() - before).toBeLessThan(20 * 1024 * 1024);
  await log.close();
});

test('what one process counts and keeps, another does not know', async () => {
  const [one, other] = [
    await openStores({ sessionIdleMs: 60_000 }),
    await openStores({ sessionIdleMs: 60_000 }),
  ];
  const limits = [one, other].map(({ rateLimits }) =>
    rateLimits.limiter('ip', { points: 1, windowMs: 60_000 }),
  );
  const counted: boolean[] = [];
  for (const limit of [limits[0], ...limits])
    counted.push((await limit?.consume('192.0.2.1'))?.allowed ?? false);
  expect(counted).toEqual([true, false, true]);

  await one.sessions.create(
    {
      id: 's',
      owner: 'alice',
      protocolVersion: '2025-11-25',
      clientInfo: { name: 'c', version: '1' },
      clientCapabilities: {},
      subscriptions: [],
    },
    1,
  );
  expect([await one.sessions.peek('s'), await other.sessions.peek('s')]).toEqual([
    expect.anything(),
    undefined,
  ]);
  await Promise.all([one.close(), other.close()]);
});

test('the stores of a process open healthy and close', async () => {
  const stores = await openStores({ sessionIdleMs: 1000, streamMaxBytes: 1000, streamRetainMs: 1000 });

  expect(stores.healthy()).toBe(true);
  expect(await stores.sessions.count()).toBe(0);
  await stores.close();
});
