import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { SessionRecord, SessionStore } from '../../../src/server/stores/types.js';
import { after } from './after.js';

const LONG_MS = 60_000;

function record(change: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: randomBytes(32).toString('base64url'),
    owner: '["https://issuer.example","alice"]',
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'client', version: '1' },
    clientCapabilities: { elicitation: {} },
    subscriptions: [],
    ...change,
  };
}

/** What every session store promises. */
export function sessionContract(open: (idleMs: number, inUseMs?: number) => Promise<SessionStore>): void {
  describe('sessions', () => {
    async function withStore(
      idleMs: number,
      use: (store: SessionStore) => Promise<void>,
      inUseMs?: number,
    ): Promise<void> {
      const store = await open(idleMs, inUseMs);
      try {
        await use(store);
      } finally {
        await store.close();
      }
    }

    test('a stored session is found whole, an unknown one is not', () =>
      withStore(LONG_MS, async (store) => {
        const session = record({ logLevel: 'warning', subscriptions: ['doc://a'] });

        expect(await store.create(session, 10)).toEqual({ created: true });
        expect(await store.get(session.id, record().owner)).toEqual(session);
        expect(await store.get('unknown', record().owner)).toBeUndefined();
        expect(await store.get('__proto__', record().owner)).toBeUndefined();
        expect(await store.count()).toBe(1);
      }));

    test('an id has one spelling: with padding, white space, another case or alphabet nothing is found', () =>
      withStore(LONG_MS, async (store) => {
        const id = `-_${randomBytes(30).toString('base64url')}a`;
        await store.create(record({ id }), 10);
        const base64 = id.replaceAll('-', '+').replaceAll('_', '/');

        for (const other of [
          `${id}=`,
          ` ${id}`,
          `${id}\n`,
          `${id}\0`,
          id.toUpperCase(),
          base64,
          id.slice(0, -1),
        ])
          expect(await store.get(other, record().owner)).toBeUndefined();
        expect(await store.get(id, record().owner)).toBeDefined();
      }));

    test('what a reader does to its record changes no other', () =>
      withStore(LONG_MS, async (store) => {
        const session = record();
        await store.create(session, 10);
        Object.assign((await store.get(session.id, record().owner)) ?? {}, { owner: 'mallory' });
        Object.assign(session.clientInfo, { name: 'changed' });

        expect(await store.get(session.id, record().owner)).toMatchObject({
          owner: record().owner,
          clientInfo: { name: 'client' },
        });
      }));

    test('an update changes what it names and nothing else', () =>
      withStore(LONG_MS, async (store) => {
        const session = record({ subscriptions: ['doc://a'] });
        await store.create(session, 10);

        expect(await store.update(session.id, { logLevel: 'error' })).toBe(true);
        expect(await store.get(session.id, record().owner)).toEqual({ ...session, logLevel: 'error' });
        expect(await store.update('unknown', { logLevel: 'error' })).toBe(false);
      }));

    test('a deleted session is gone, its listeners are told once, and its place is free', () =>
      withStore(LONG_MS, async (store) => {
        const ended: string[] = [];
        store.onEnd((id) => ended.push(id));
        const session = record();
        await store.create(session, 1);

        expect(await store.delete(session.id)).toBe(true);
        expect(await store.delete(session.id)).toBe(false);
        expect(await store.get(session.id, record().owner)).toBeUndefined();
        expect(await store.update(session.id, { logLevel: 'debug' })).toBe(false);
        expect(await store.create(record(), 1)).toEqual({ created: true });
        expect(ended).toEqual([session.id]);
      }));

    test('who follows a session is told of each change and of its end, and of no other session, until it stops', () =>
      withStore(LONG_MS, async (store) => {
        const [followed, other] = [record(), record()];
        await Promise.all([followed, other].map((one) => store.create(one, 10)));
        let told = () => {};
        let times = 0;
        const { listening, stop } = store.follow(followed.id, () => {
          times++;
          told();
        });
        await listening;
        const telling = async (change: () => Promise<unknown>) => {
          const arrival = new Promise<void>((resolve) => (told = resolve));
          await Promise.all([change(), arrival]);
        };
        await store.update(other.id, { logLevel: 'debug' });
        await telling(() => store.update(followed.id, { logLevel: 'debug' }));
        await store.delete(other.id);
        await telling(() => store.delete(followed.id));
        stop();

        expect(times).toBe(2);
        expect(await store.peek(followed.id)).toBeUndefined();
      }));

    test('an owner at its cap gets no more, another owner still does', () =>
      withStore(LONG_MS, async (store) => {
        const results = await Promise.all(Array.from({ length: 5 }, () => store.create(record(), 2)));

        expect(results.filter(({ created }) => created)).toHaveLength(2);
        expect(await store.create(record({ owner: 'bob' }), 2)).toEqual({ created: true });
        expect(await store.count()).toBe(3);
      }));

    test('an unused session ends by itself, with a word to the listeners, and frees its place', () =>
      withStore(60, async (store) => {
        const session = record();
        const ended = new Promise<string>((resolve) => void store.onEnd(resolve));
        await store.create(session, 1);
        expect(await store.create(record(), 1)).toMatchObject({ created: false });

        expect(await keepingAlive(ended)).toBe(session.id);
        expect(await store.get(session.id, record().owner)).toBeUndefined();
        expect(await store.create(record(), 1)).toEqual({ created: true });
      }));

    test('a session in use outlives its idle time and keeps its place, its idle neighbour does not', () =>
      withStore(800, async (store) => {
        const [used, idle] = [record(), record()];
        const ended: string[] = [];
        store.onEnd((id) => ended.push(id));
        await store.create(used, 10);
        await store.create(idle, 10);
        for (let i = 0; i < 5; i++) {
          await after(220);
          await store.get(used.id, record().owner);
        }

        expect(ended).toEqual([idle.id]);
        expect(await store.create(record(), 1)).toMatchObject({ created: false });
        expect(await store.get(used.id, record().owner)).toEqual(used);
      }));

    test('is found by its owner alone, and a question of another leaves no trace on it', () =>
      withStore(400, async (store) => {
        const session = record();
        const ended = new Promise<string>((resolve) => void store.onEnd(resolve));
        await store.create(session, 1);
        const asking = setInterval(() => void store.get(session.id, 'mallory'), 40);

        expect(await store.get(session.id, 'mallory')).toBeUndefined();
        expect(await keepingAlive(ended)).toBe(session.id); // it idled out although it was asked for
        clearInterval(asking);
      }));

    test('to look at a session keeps it no longer, to keep it does', () =>
      withStore(800, async (store) => {
        const [looked, kept] = [record(), record()];
        const ended: string[] = [];
        store.onEnd((id) => ended.push(id));
        await store.create(looked, 10);
        await store.create(kept, 10);
        for (let i = 0; i < 6; i++) {
          await after(220);
          await store.peek(looked.id);
          await store.keep(kept.id);
        }

        expect(ended).toEqual([looked.id]);
        expect(await store.peek(kept.id)).toEqual(kept);
        expect(await store.keep(looked.id)).toBe(false);
        expect(await store.peek(looked.id)).toBeUndefined();
      }));

    test('at the cap the least recently used session makes room, once it was not in use for a while', () =>
      withStore(
        LONG_MS,
        async (store) => {
          const [first, second] = [record(), record()];
          const ended: string[] = [];
          store.onEnd((id) => ended.push(id));
          await store.create(first, 2);
          await after(30);
          await store.create(second, 2);
          await store.keep(first.id); // has a stream open
          const early = await store.create(record(), 2);
          expect(early).toEqual({ created: false, retryAfterMs: expect.any(Number) });
          const { retryAfterMs = 0 } = early as { retryAfterMs?: number };
          expect(retryAfterMs).toBeGreaterThan(0);
          expect(retryAfterMs).toBeLessThanOrEqual(1000);
          expect(ended).toEqual([]);

          await after(retryAfterMs + 50);
          await store.keep(first.id);
          expect(await store.create(record(), 2)).toEqual({ created: true, ended: second.id });
          expect(ended).toEqual([second.id]);
          expect(await store.peek(first.id)).toEqual(first);
          expect(await store.create(record(), 2)).toMatchObject({ created: false });
        },
        1000,
      ));

    test('a listener that stopped hears nothing more', () =>
      withStore(LONG_MS, async (store) => {
        const ended: string[] = [];
        const stop = store.onEnd((id) => ended.push(id));
        const session = record();
        await store.create(session, 10);
        stop();
        await store.delete(session.id);

        expect(ended).toEqual([]);
      }));
  });
}

/** The store's own timers do not keep a process alive; this does, while a test waits for one. */
async function keepingAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000);
  return promise.finally(() => clearInterval(timer));
}
