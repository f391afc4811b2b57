import { describe, expect, test } from '@jest/globals';
import type { KeptValues } from '../../../src/server/stores/kept-values.js';
import { after } from './after.js';

/** What every store of kept values promises. */
export function keptValuesContract(open: () => Promise<KeptValues>): void {
  describe('kept values', () => {
    test('a value is read until it is replaced or taken', async () => {
      const store = await open();
      expect(await store.get('a')).toBeUndefined();
      await store.set('a', 'one', 60_000);
      await store.set('b', 'other', 60_000);
      await store.set('a', 'two', 60_000);

      expect(await store.get('a')).toBe('two');
      expect(await store.take('a')).toBe('two');
      expect(await store.get('a')).toBeUndefined();
      expect(await store.get('b')).toBe('other');
      await store.close();
    });

    test('a value is added once and taken once, however many try at the same moment', async () => {
      const store = await open();
      const all = <T>(of: () => Promise<T>) => Promise.all(Array.from({ length: 20 }, of));

      expect((await all(() => store.add('a', 'one', 60_000))).filter(Boolean)).toHaveLength(1);
      expect((await all(() => store.take('a'))).filter((value) => value === 'one')).toHaveLength(1);
      expect(await store.add('a', 'two', 60_000)).toBe(true);
      await store.close();
    });

    test('a value is gone when its time is over', async () => {
      const store = await open();
      await store.set('a', 'one', 50);
      await store.set('b', 'one', 50);
      await store.set('c', 'one', 60 * 86_400_000); // longer than a timer takes
      await after(100);

      expect([await store.get('a'), await store.take('b')]).toEqual([undefined, undefined]);
      expect(await store.add('a', 'two', 60_000)).toBe(true);
      expect(await store.get('c')).toBe('one');
      await store.close();
    });
  });
}
