import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { openStores } from '../../src/stores/index.js';
import { memoryChangeBus } from '../../src/stores/memory/change-bus.js';
import { memoryRateLimits } from '../../src/stores/memory/rate-limits.js';
import { memorySessions } from '../../src/stores/memory/sessions.js';
import { StoreUnavailable } from '../../src/stores/types.js';
import { changeBusContract } from './changes.contract.js';
import { rateLimitContract } from './rate-limits.contract.js';
import { sessionContract } from './sessions.contract.js';

rateLimitContract(async () => memoryRateLimits());
sessionContract(async (idleMs) => memorySessions({ idleMs }));
changeBusContract(async () => memoryChangeBus());

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

test('sessions of one owner take bounded memory, in creation and in updates', async () => {
  const store = memorySessions({ idleMs: 60_000 });
  const big = {
    owner: 'alice',
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'x'.repeat(1_000_000), version: '1' },
    clientCapabilities: {},
    subscriptions: [],
  };
  const results: string[] = [];
  for (let i = 0; i < 10; i++) results.push(await store.create({ ...big, id: `s${i}` }, 100));

  expect(results.filter((result) => result === 'created')).toHaveLength(4);
  const subscriptions = ['x'.repeat(500_000)];
  await expect(store.update('s0', { subscriptions })).rejects.toThrow(StoreUnavailable);
  expect(await store.create({ ...big, id: 'b', owner: 'bob' }, 100)).toBe('created');
  await store.close();
});

test('the stores of a process open healthy and close', async () => {
  const stores = await openStores({ sessionIdleMs: 1000 });

  expect(stores.healthy()).toBe(true);
  expect(await stores.sessions.count()).toBe(0);
  await stores.close();
});
