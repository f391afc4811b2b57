import type { KeptValues } from '../kept-values.js';
import { StoreUnavailable } from '../types.js';

const MAX_TOTAL_CHARS = 128 * 1024 * 1024; // or less, as the heap allows
/** The memory that a value takes besides its text. */
const VALUE_CHARS = 256;
/** A timer takes no more; what is kept for longer is looked at when it is read. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Kept {
  readonly value: string;
  readonly endsAt: number;
  readonly expiry: NodeJS.Timeout;
}

/** Values of this process alone: they end with it. */
export function memoryKeptValues(maxChars = Infinity): KeptValues {
  const most = Math.min(maxChars, MAX_TOTAL_CHARS);
  const values = new Map<string, Kept>();
  let chars = 0;

  const find = (name: string): string | undefined => {
    const kept = values.get(name);
    if (kept && kept.endsAt <= Date.now()) forget(name);
    return values.get(name)?.value;
  };
  const forget = (name: string): void => {
    const kept = values.get(name);
    if (!kept) return;
    clearTimeout(kept.expiry);
    values.delete(name);
    chars -= kept.value.length + VALUE_CHARS;
  };
  const keep = (name: string, value: string, ttlMs: number): void => {
    forget(name);
    if (chars + value.length + VALUE_CHARS > most)
      throw new StoreUnavailable('kept values take too much memory');
    chars += value.length + VALUE_CHARS;
    const expiry = setTimeout(find, Math.min(ttlMs, LONGEST_TIMER_MS), name).unref();
    values.set(name, { value, endsAt: Date.now() + ttlMs, expiry });
  };

  return {
    get: async (name) => find(name),
    async add(name, value, ttlMs) {
      if (find(name) !== undefined) return false;
      keep(name, value, ttlMs);
      return true;
    },
    set: async (name, value, ttlMs) => keep(name, value, ttlMs),
    async take(name) {
      const value = find(name);
      forget(name);
      return value;
    },
    close: async () => [...values.keys()].forEach(forget),
  };
}
