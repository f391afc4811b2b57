import { describe, expect, test } from '@jest/globals';
import type { Change, ChangeBus } from '../../../src/server/stores/types.js';

/** What every change bus promises. */
export function changeBusContract(open: () => Promise<ChangeBus>): void {
  describe('changes', () => {
    test('every subscriber gets every change in order, and none after it stopped', async () => {
      const bus = await open();
      const seen: Change[][] = [[], []];
      const stop = bus.subscribe((change) => seen[0]?.push(change));
      const last = new Promise<void>((resolve) => {
        bus.subscribe((change) => {
          seen[1]?.push(change);
          if (change.kind === 'prompts') resolve();
        });
      });
      const first = arrival(bus);
      bus.publish({ kind: 'tools' });
      await first;
      stop();
      stop();
      bus.publish({ kind: 'resource', uri: 'doc://a' });
      bus.publish({ kind: 'prompts' });
      await last;

      expect(seen[0]).toEqual([{ kind: 'tools' }]);
      expect(seen[1]).toEqual([{ kind: 'tools' }, { kind: 'resource', uri: 'doc://a' }, { kind: 'prompts' }]);
      await bus.close();
    });
  });
}

function arrival(bus: ChangeBus): Promise<void> {
  return new Promise((resolve) => {
    const stop = bus.subscribe(() => {
      stop();
      resolve();
    });
  });
}
