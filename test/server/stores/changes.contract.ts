import { describe, expect, test } from '@jest/globals';
import type { Change, ChangeBus } from '../../../src/server/stores/types.js';

/** What every change bus promises. */
export function changeBusContract(open: () => Promise<ChangeBus>): void {
  describe('changes', () => {
    test('every subscriber gets every change that it wants in order, no other, and none after it stopped', async () => {
      const bus = await open();
      const seen: Change[][] = [[], []];
      const first = bus.subscribe([TOOLS, A], (change) => seen[0]?.push(change));
      let arrived = () => {};
      const second = bus.subscribe([TOOLS, A, B], (change) => {
        seen[1]?.push(change);
        arrived();
      });
      await Promise.all([first.listening, second.listening]);
      const publish = async (change: Change) => {
        const arrival = new Promise<void>((resolve) => (arrived = resolve));
        bus.publish(change);
        await arrival;
      };
      await publish(TOOLS);
      await publish(B);
      first.stop();
      first.stop();
      bus.publish({ kind: 'prompts' }); // nobody wants it
      await publish(A);

      expect(seen).toEqual([[TOOLS], [TOOLS, B, A]]);
      second.stop();
      await bus.close();
    });

    test('who stops and subscribes again at once gets the next change', async () => {
      const bus = await open();
      bus.subscribe([A], () => {}).stop();
      const seen = new Promise(
        (resolve) => void bus.subscribe([A], resolve).listening.then(() => bus.publish(A)),
      );

      expect(await seen).toEqual(A);
      await bus.close();
    });
  });
}

const TOOLS: Change = { kind: 'tools' };
const [A, B] = ['doc://a', 'doc://b'].map((uri): Change => ({ kind: 'resource', uri })) as [Change, Change];
