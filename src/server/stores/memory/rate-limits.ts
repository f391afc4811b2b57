import { RateLimiterMemory } from 'rate-limiter-flexible';
import { limitersByName, take } from '../rate-limit-rules.js';
import type { RateDecision, RateLimit, RateLimiter, RateLimitStore } from '../types.js';

/**
 * Keys a limiter holds at once, about 400 bytes each. Past it the key whose window ends soonest is forgotten: whoever
 * rotates through that many addresses has as many limits anyway, and must not have our memory too.
 */
const MAX_KEYS = 50_000;

/** Rate limits of this process alone. */
export function memoryRateLimits({ maxKeys = MAX_KEYS } = {}): RateLimitStore {
  const limiters: BoundedLimiter[] = [];
  return {
    limiter: limitersByName((_name, limit) => {
      const limiter = new BoundedLimiter(limit, maxKeys);
      limiters.push(limiter);
      return limiter;
    }),
    async close() {
      for (const limiter of limiters) limiter.clear();
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
    { points, windowMs }: RateLimit,
    private readonly maxKeys: number,
  ) {
    this.#limiter = new RateLimiterMemory({ points, duration: windowMs / 1000 });
  }

  consume(key: string, points = 1): Promise<RateDecision> {
    return take(this.#limiter, key, points, this.#remember);
  }

  clear(): void {
    for (const key of this.#slots.keys()) void this.#limiter.delete(key); // ends its timer
    this.#slots.clear();
  }

  readonly #remember = (key: string): void => {
    const slot = this.#next;
    const oldest = this.#ring[slot];
    if (oldest !== undefined && oldest !== key && this.#slots.get(oldest) === slot) {
      this.#slots.delete(oldest);
      void this.#limiter.delete(oldest);
    }
    this.#ring[slot] = key;
    this.#slots.set(key, slot);
    this.#next = (slot + 1) % this.maxKeys;
  };
}
