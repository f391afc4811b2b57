import { limitersByName } from '../rate-limit-rules.js';
import type { RateLimit, RateLimiter, RateLimitStore } from '../types.js';

/**
 * Keys that a limiter holds at most, about 200 bytes each. When the newer half is full, the older one is forgotten: an attacker
 * who rotates through that many addresses has as many limits anyway, and must not fill the memory too.
 */
const MAX_KEYS = 100_000;

/** Rate limits of this process alone. */
export function memoryRateLimits({ maxKeys = MAX_KEYS } = {}): RateLimitStore {
  return {
    limiter: limitersByName((_name, limit) => windowLimiter(limit, maxKeys)),
    close: async () => {},
  };
}

interface Window {
  used: number;
  readonly endsAt: number;
}

function windowLimiter({ points: limit, windowMs }: RateLimit, maxKeys: number): RateLimiter {
  let newer = new Map<string, Window>();
  let older = newer;
  let turnsAt = 0;
  /** A window lasts as long as two turns are apart: what is forgotten has ended, unless the newer half was full. */
  const begin = (key: string, now: number): Window => {
    if (now >= turnsAt || newer.size >= maxKeys / 2) {
      older = newer;
      newer = new Map();
      turnsAt = now + windowMs;
    }
    const window = { used: 0, endsAt: now + windowMs };
    newer.set(key, window);
    return window;
  };
  return {
    async consume(key, points = 1) {
      const now = performance.now();
      const known = newer.get(key) ?? older.get(key);
      const window = known && known.endsAt > now ? known : begin(key, now);
      window.used += points;
      const { used, endsAt } = window;
      return { allowed: used <= limit, limit, remaining: Math.max(0, limit - used), resetMs: endsAt - now };
    },
  };
}
