/** What every rate limiter does alike, wherever it counts. */
import { createHash } from 'node:crypto';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateDecision, RateLimit, RateLimiter } from './types.js';

/** A longer key (the subject of a token may fill a header) is replaced by its hash. */
const MAX_KEY_CHARS = 256;
/** Beyond it a Node timer fires at once, which would end every window as it begins. */
const MAX_WINDOW_MS = 2 ** 31 - 1;

/** Makes limiters by name, each name once: two limits under one name would share their points. */
export function limitersByName(open: (name: string, limit: RateLimit) => RateLimiter) {
  const names = new Set<string>();
  return (name: string, limit: RateLimit): RateLimiter => {
    const { points, windowMs } = limit;
    if (names.has(name)) throw new TypeError(`limiter "${name}" exists already`);
    if (!(points >= 1) || !(windowMs >= 1 && windowMs <= MAX_WINDOW_MS)) {
      throw new TypeError(
        `a rate limit needs points and windowMs of at least 1, got ${points}/${windowMs}ms`,
      );
    }
    names.add(name);
    const limiter = open(name, limit);
    return {
      async consume(key, points = 1) {
        if (!(points >= 0)) throw new TypeError(`points must not be negative, got ${points}`);
        return limiter.consume(key.length > MAX_KEY_CHARS ? hash(key) : key, points);
      },
    };
  };
}

/** Takes points; the library rejects both when the key is limited and when its store is broken. */
export async function take(
  limiter: RateLimiterAbstract,
  key: string,
  points: number,
): Promise<RateDecision & { isFirst: boolean }> {
  let allowed = true;
  const result = await limiter.consume(key, points).catch((error: unknown) => {
    if (!(error instanceof RateLimiterRes)) throw error;
    allowed = false;
    return error;
  });
  return {
    allowed,
    limit: limiter.points,
    remaining: result.remainingPoints,
    resetMs: Math.max(0, result.msBeforeNext),
    isFirst: result.isFirstInDuration,
  };
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
