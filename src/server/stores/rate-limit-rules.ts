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
      consume: (key, points = 1) => {
        if (!(points >= 0))
          return Promise.reject(new TypeError(`points must not be negative, got ${points}`));
        return limiter.consume(key.length > MAX_KEY_CHARS ? hash(key) : key, points);
      },
    };
  };
}

/**
 * Takes points; the library rejects both when the key is limited and when its store is broken.
 * @param onFirst called when a window begins with it
 */
export async function take(
  limiter: RateLimiterAbstract,
  key: string,
  points: number,
  onFirst: (key: string) => void = () => {},
): Promise<RateDecision> {
  try {
    const result = await limiter.consume(key, points);
    if (result.isFirstInDuration) onFirst(key);
    return decision(true, limiter.points, result);
  } catch (error) {
    if (error instanceof RateLimiterRes) return decision(false, limiter.points, error);
    throw error;
  }
}

function decision(
  allowed: boolean,
  limit: number,
  { remainingPoints, msBeforeNext }: RateLimiterRes,
): RateDecision {
  return { allowed, limit, remaining: remainingPoints, resetMs: Math.max(0, msBeforeNext) };
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
