import { describe, expect, test } from '@jest/globals';
import type { UsedOnce } from '../../../src/server/stores/types.js';
import { after } from './after.js';

/** What every store of what may happen once promises. */
export function usedOnceContract(open: () => Promise<UsedOnce>): void {
  describe('once', () => {
    test('a key is taken by one, however many try at the same moment, until it is given back', async () => {
      const store = await open();
      const taken = await Promise.all(Array.from({ length: 20 }, () => store.take('a', 60_000)));

      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await store.take('b', 60_000)).toBe(true);
      await store.release('a');
      expect(await store.take('a', 60_000)).toBe(true);
      expect(await store.take('a', 60_000)).toBe(false);
      await store.close();
    });

    test('a key is free again when its time is over', async () => {
      const store = await open();
      await store.take('a', 50);
      await after(100);

      expect(await store.take('a', 50)).toBe(true);
      await store.close();
    });
  });
}
