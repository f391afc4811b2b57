/** What all rate limiters have in common. */
import { createHash } from 'node:crypto';
import type { RateLimit, RateLimiter } from './types.js';

/** A longer key (the subject of a token may fill a header) is replaced by its hash. */
const MAX_KEY_CHARS = 256;
/** Makes limiters by name, each name once: two limits under one name would share their points. */
export function limitersByName(open: (name: string, limit: RateLimit) => RateLimiter) {
  const names = new Set<string>();
  return (name: string, limit: RateLimit): RateLimiter => {
    const { points, windowMs } = limit;
    if (names.has(name)) throw new TypeError(`limiter "${name}" exists already`);
    if (!(points >= 1) || !(windowMs >= 1)) {
      throw new TypeError(
        `a rate limit needs points and windowMs of at least 1, got ${points}/${windowMs}ms`,
      );
    }
    names.add(name);
    const limiter = open(name, limit);
    return {
      consume: (key, points = 1) => {
        if (!(points >= 0))
          return Promise.reject(new TypeError(`points must not be negative, got ${points}`));
        return limiter.consume(key.length > MAX_KEY_CHARS ? hash(key) : key, points);
      },
    };
  };
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
