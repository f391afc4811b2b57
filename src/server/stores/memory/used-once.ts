import type { UsedOnce } from '../types.js';
import { StoreUnavailable } from '../types.js';

/** Keys held at once, about 200 bytes each. Full, it refuses: forgetting one would let it happen twice. */
const MAX_KEYS = 100_000;

/** What may happen once in this process. */
export function memoryUsedOnce({ maxKeys = MAX_KEYS } = {}): UsedOnce {
  const timers = new Map<string, NodeJS.Timeout>();
  const forget = (key: string) => {
    clearTimeout(timers.get(key));
    timers.delete(key);
  };
  return {
    async take(key, ttlMs) {
      if (timers.has(key)) return false;
      if (timers.size >= maxKeys) throw new StoreUnavailable('too many keys are taken');
      timers.set(key, setTimeout(forget, ttlMs, key).unref());
      return true;
    },
    release: async (key) => forget(key),
    close: async () => [...timers.keys()].forEach(forget),
  };
}
