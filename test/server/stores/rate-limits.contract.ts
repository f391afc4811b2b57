import { describe, expect, test } from '@jest/globals';
import type { RateLimitStore } from '../../../src/server/stores/types.js';
import { after } from './after.js';

/** What every rate-limit store promises. `open` gives one with no keys yet. */
export function rateLimitContract(open: () => Promise<RateLimitStore>): void {
  describe('rate limits', () => {
    async function withStore(use: (store: RateLimitStore) => Promise<void>): Promise<void> {
      const store = await open();
      try {
        await use(store);
      } finally {
        await store.close();
      }
    }

    test('a key has exactly its points in a window, and says what remains', () =>
      withStore(async (store) => {
        const limiter = store.limiter('ip', { points: 2, windowMs: 60_000 });

        expect(await limiter.consume('a')).toMatchObject({ allowed: true, limit: 2, remaining: 1 });
        expect(await limiter.consume('a')).toMatchObject({ allowed: true, limit: 2, remaining: 0 });
        const refused = await limiter.consume('a');

        expect(refused).toMatchObject({ allowed: false, limit: 2, remaining: 0 });
        expect(refused.resetMs).toBeGreaterThan(50_000);
        expect(refused.resetMs).toBeLessThanOrEqual(60_000);
      }));

    test('keys and limiters do not share points', () =>
      withStore(async (store) => {
        const ip = store.limiter('ip', { points: 1, windowMs: 60_000 });
        const caller = store.limiter('caller', { points: 1, windowMs: 60_000 });
        await ip.consume('a');

        expect((await ip.consume('b')).allowed).toBe(true);
        expect((await caller.consume('a')).allowed).toBe(true);
        expect((await ip.consume('a')).allowed).toBe(false);
      }));

    test('a call that costs more than remains is refused', () =>
      withStore(async (store) => {
        const limiter = store.limiter('caller', { points: 5, windowMs: 60_000 });

        expect((await limiter.consume('a', 4)).allowed).toBe(true);
        expect((await limiter.consume('a', 2)).allowed).toBe(false);
      }));

    test('taking no points only asks', () =>
      withStore(async (store) => {
        const limiter = store.limiter('failures', { points: 1, windowMs: 60_000 });

        expect(await limiter.consume('a', 0)).toMatchObject({ allowed: true, remaining: 1 });
        await limiter.consume('a');
        expect(await limiter.consume('a', 0)).toMatchObject({ allowed: true, remaining: 0 });
        await limiter.consume('a');
        expect(await limiter.consume('a', 0)).toMatchObject({ allowed: false });
      }));

    test('refused points do not prolong the window', () =>
      withStore(async (store) => {
        const limiter = store.limiter('ip', { points: 1, windowMs: 1000 });
        await limiter.consume('a');
        const { resetMs } = await limiter.consume('a');
        await after(resetMs / 2);
        expect((await limiter.consume('a')).allowed).toBe(false);
        await after(resetMs / 2 + 20);

        expect((await limiter.consume('a')).allowed).toBe(true);
      }));

    test('calls at the same moment never get more than the points', () =>
      withStore(async (store) => {
        const limiter = store.limiter('ip', { points: 10, windowMs: 60_000 });
        const decisions = await Promise.all(Array.from({ length: 50 }, () => limiter.consume('a')));

        expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(10);
      }));

    test('keys of any length and characters are told apart', () =>
      withStore(async (store) => {
        const limiter = store.limiter('caller', { points: 1, windowMs: 60_000 });
        const long = 'x'.repeat(10_000);
        for (const key of ['', ':', '__proto__', 'é\u2028', long, `${long}y`]) {
          expect((await limiter.consume(key)).allowed).toBe(true);
          expect((await limiter.consume(key)).allowed).toBe(false);
        }
      }));

    test('a limit or cost that makes no sense is a mistake of the developer', () =>
      withStore(async (store) => {
        expect(() => store.limiter('a', { points: 0, windowMs: 1000 })).toThrow(TypeError);
        expect(() => store.limiter('b', { points: 1, windowMs: Number.NaN })).toThrow(TypeError);
        const limiter = store.limiter('c', { points: 1, windowMs: 1000 });
        expect(() => store.limiter('c', { points: 1, windowMs: 1000 })).toThrow(TypeError);
        await expect(limiter.consume('a', -1)).rejects.toThrow(TypeError);
        await expect(limiter.consume('a', Number.NaN)).rejects.toThrow(TypeError);
      }));
  });
}
