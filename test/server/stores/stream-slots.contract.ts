import { describe, expect, test } from '@jest/globals';
import type { StreamSlots } from '../../../src/server/stores/types.js';

/** What every store of stream slots promises. */
export function streamSlotContract(open: () => Promise<StreamSlots>): void {
  describe('stream slots', () => {
    test('of those who come at once only as many get one as there are, each owner by itself', async () => {
      const slots = await open();
      const taken = await Promise.all(Array.from({ length: 5 }, () => slots.take('alice', 3)));

      expect(taken.filter(Boolean)).toHaveLength(3);
      expect(await slots.take('alice', 3)).toBeUndefined();
      expect(await slots.take('bob', 3)).toBeDefined();
      await slots.close();
    });

    test('what is given back can be taken again, once', async () => {
      const slots = await open();
      const [first] = [await slots.take('alice', 2), await slots.take('alice', 2)];
      first?.();

      expect(await slots.take('alice', 2)).toBeDefined();
      expect(await slots.take('alice', 2)).toBeUndefined();
      await slots.close();
    });
  });
}
