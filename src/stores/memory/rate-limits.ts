import { createHash } from 'node:crypto';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateDecision, RateLimit, RateLimiter, RateLimitStore } from '../types.js';

/**
 * Keys a limiter holds at once, about 400 bytes each. Past it the key whose window ends soonest is forgotten: whoever
 * rotates through that many addresses has as many limits anyway, and must not have our memory too.
 */
const MAX_KEYS = 50_000;
/** A longer key (the subject of a token may fill a header) is replaced by its hash. */
const MAX_KEY_CHARS = 256;
/** Beyond it a Node timer fires at once, which would end every window as it begins. */
const MAX_WINDOW_MS = 2 ** 31 - 1;

/** Rate limits of this process alone. */
export function memoryRateLimits({ maxKeys = MAX_KEYS } = {}): RateLimitStore {
  const limiters = new Map<string, BoundedLimiter>();
  return {
    limiter(name, limit) {
      if (limiters.has(name))
        throw new TypeError(`limiter "${name}" exists already: two limits would share its name`);
      const limiter = new BoundedLimiter(limit, maxKeys);
      limiters.set(name, limiter);
      return limiter;
    },
    async close() {
      for (const limiter of limiters.values()) limiter.clear();
    },
  };
}

class BoundedLimiter implements RateLimiter {
  readonly #limiter: RateLimiterMemory;
  /** Keys in the order in which their windows end, since all windows are equally long; a ring of `maxKeys` slots. */
  readonly #ring: string[] = [];
  /** The newest slot of each key. */
  readonly #slots = new Map<string, number>();
  #next = 0;

  constructor(
    private readonly limit: RateLimit,
    private readonly maxKeys: number,
  ) {
    const { points, windowMs } = limit;
    if (!(points >= 1) || !(windowMs >= 1 && windowMs <= MAX_WINDOW_MS)) {
      throw new TypeError(
        `a rate limit needs points and windowMs of at least 1, got ${points}/${windowMs}ms`,
      );
    }
    this.#limiter = new RateLimiterMemory({ points, duration: windowMs / 1000 });
  }

  async consume(rawKey: string, points = 1): Promise<RateDecision> {
    if (!(points >= 0)) throw new TypeError(`points must not be negative, got ${points}`);
    const key =
      rawKey.length > MAX_KEY_CHARS ? createHash('sha256').update(rawKey).digest('base64url') : rawKey;
    const { allowed, result } = await this.#take(key, points);
    if (result.isFirstInDuration) this.#remember(key);
    return {
      allowed,
      limit: this.limit.points,
      remaining: result.remainingPoints,
      resetMs: Math.max(0, result.msBeforeNext),
    };
  }

  clear(): void {
    for (const key of this.#slots.keys()) void this.#limiter.delete(key); // ends its timer
    this.#slots.clear();
  }

  async #take(key: string, points: number): Promise<{ allowed: boolean; result: RateLimiterRes }> {
    try {
      return { allowed: true, result: await this.#limiter.consume(key, points) };
    } catch (error) {
      if (error instanceof RateLimiterRes) return { allowed: false, result: error };
      throw error;
    }
  }

  #remember(key: string): void {
    const slot = this.#next;
    const oldest = this.#ring[slot];
    if (oldest !== undefined && oldest !== key && this.#slots.get(oldest) === slot) {
      this.#slots.delete(oldest);
      void this.#limiter.delete(oldest);
    }
    this.#ring[slot] = key;
    this.#slots.set(key, slot);
    this.#next = (slot + 1) % this.maxKeys;
  }
}
