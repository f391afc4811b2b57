import type { UsedOnce } from '../types.js';
import { StoreUnavailable } from '../types.js';

/** The most keys held, about 200 bytes each. Beyond it new ones are refused: a forgotten key could be used twice. */
const MAX_KEYS = 100_000;

/** Values used in this process. */
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
