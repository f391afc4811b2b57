import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { memoryRateLimits } from '../memory/rate-limits.js';
import { limitersByName } from '../rate-limit-rules.js';
import { type RateDecision, type RateLimit, type RateLimitStore, StoreUnavailable } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

export interface RedisRateLimitsOptions {
  readonly connection: Connection;
  /** While Redis is away: `local` gives each replica its share, `strict` refuses. */
  readonly onFailure: 'local' | 'strict';
  /** Replicas that share the limits. */
  readonly replicas: number;
}

/**
 * Rate limits that all replicas count together. For one window after an outage each replica still allows its share only:
 * the shared count does not know what the shares allowed, and may begin at zero. Otherwise each outage would give every
 * key its points anew.
 */
export function redisRateLimits({ connection, onFailure, replicas }: RedisRateLimitsOptions): RateLimitStore {
  const local = memoryRateLimits();
  return {
    limiter: limitersByName((name, limit) => {
      const shared = openShared(connection, name, limit);
      const share = local.limiter(name, {
        ...limit,
        points: Math.max(1, Math.floor(limit.points / replicas)),
      });
      let failedAt = Number.NEGATIVE_INFINITY;
      const isShared = () =>
        performance.now() - Math.max(failedAt, connection.backAt()) >= limit.windowMs ||
        (onFailure === 'strict' && !connection.healthy()); // which refuses
      return {
        async consume(key, points = 1) {
          try {
            if (isShared()) return await shared(key, points);
          } catch (error) {
            if (onFailure === 'strict' || !(error instanceof StoreUnavailable)) throw error;
            failedAt = performance.now();
          }
          return share.consume(key, points);
        },
      };
    }),
    close: () => local.close(),
  };
}

function openShared(connection: Connection, name: string, { points, windowMs }: RateLimit) {
  const limiter = new RateLimiterRedis({
    storeClient: connection.client,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    keyPrefix: `${PREFIX}limit:${name}`,
    points,
    duration: Math.ceil(windowMs / 1000), // Redis counts whole seconds here
  });
  const decision = (allowed: boolean, { remainingPoints, msBeforeNext }: RateLimiterRes): RateDecision => ({
    allowed,
    limit: points,
    remaining: remainingPoints,
    resetMs: Math.max(0, msBeforeNext),
  });
  return (key: string, cost: number): Promise<RateDecision> =>
    connection.run(async () => {
      try {
        return decision(true, await limiter.consume(key, cost));
      } catch (error) {
        if (error instanceof RateLimiterRes) return decision(false, error); // any other is a failure of Redis
        throw error;
      }
    });
}
