import type { StreamSlots } from '../types.js';

/** Counts the streams that each owner has open in this process. */
export function memoryStreamSlots(): StreamSlots {
  const taken = new Map<string, number>();
  const add = (owner: string, by: 1 | -1) => {
    const count = (taken.get(owner) ?? 0) + by;
    if (count > 0) taken.set(owner, count);
    else taken.delete(owner);
  };
  return {
    async take(owner, most) {
      if ((taken.get(owner) ?? 0) >= most) return undefined;
      add(owner, 1);
      return () => add(owner, -1);
    },
    close: async () => taken.clear(),
  };
}
