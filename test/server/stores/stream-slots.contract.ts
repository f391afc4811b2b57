import { describe, expect, test } from '@jest/globals';
import type { PlaceStore } from '../../../src/server/stores/types.js';

/** What every store of places promises. */
export function placeContract(open: () => Promise<PlaceStore>): void {
  describe('places', () => {
    test('of those who come at once only as many get one as there are, each owner by itself', async () => {
      const places = await open();
      const taken = await Promise.all(Array.from({ length: 5 }, () => places.take('alice', 3)));

      expect(taken.filter(Boolean)).toHaveLength(3);
      expect(await places.take('alice', 3)).toBeUndefined();
      expect(await places.take('bob', 3)).toBeDefined();
      await places.close();
    });

    test('what is given back can be taken again, once', async () => {
      const places = await open();
      const [first] = [await places.take('alice', 2), await places.take('alice', 2)];
      first?.();

      expect(await places.take('alice', 2)).toBeDefined();
      expect(await places.take('alice', 2)).toBeUndefined();
      await places.close();
    });
  });
}
