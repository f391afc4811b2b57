import { describe, expect, test } from '@jest/globals';
import type { RequestHandler } from 'express';
import { rateLimitAddress, rateLimitCaller, spendFromCaller } from '../../../src/server/layers/rate-limit.js';
import { StoreUnavailable } from '../../../src/server/stores/types.js';
import { codeOf, memoryLimiter, serve } from './serve.js';

const windowMs = 60_000;
const callerFrom: RequestHandler = (req, _res, next) => {
  req.caller = {
    issuer: 'api-key',
    subject: String(req.headers['x-test-caller']),
    method: 'api-key',
    scopes: [],
  };
  next();
};

describe('the address limit', () => {
  test('says in each answer what is left, and refuses when nothing is', async () => {
    const { url, passed } = await serve([rateLimitAddress({ limiter: memoryLimiter(2), windowMs })]);

    const first = await fetch(url);
    await fetch(url);
    const third = await fetch(url);

    expect(first.headers.get('ratelimit-policy')).toBe('"address";q=2;w=60');
    expect(first.headers.get('ratelimit')).toBe('"address";r=1;t=60');
    expect(third.status).toBe(429);
    expect(await codeOf(third)).toBe('rate_limited');
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(55);
    expect(third.headers.get('ratelimit')).toMatch(/^"address";r=0;t=\d+$/);
    expect(passed).toHaveLength(2);
  });

  test('is one for a whole IPv6 /64 and another for its neighbour', async () => {
    const { url } = await serve([rateLimitAddress({ limiter: memoryLimiter(1), windowMs })], {
      trustedProxies: ['127.0.0.0/8'],
    });
    const statusFrom = async (address: string) =>
      (await fetch(url, { headers: { 'X-Forwarded-For': address } })).status;

    expect(await statusFrom('2001:db8:1:2::1')).toBe(200);
    expect(await statusFrom('2001:db8:1:2:ffff::9')).toBe(429);
    expect(await statusFrom('2001:db8:1:3::1')).toBe(200);
  });

  test('refuses with 503 when the store cannot count, and tells nothing of why', async () => {
    const broken = { consume: () => Promise.reject(new StoreUnavailable('redis://secret:6379 is down')) };
    const { url, passed } = await serve([rateLimitAddress({ limiter: broken, windowMs })]);

    const response = await fetch(url);
    const text = await response.clone().text();

    expect(response.status).toBe(503);
    expect(await codeOf(response)).toBe('store_unavailable');
    expect(response.headers.has('retry-after')).toBe(true);
    expect(text).not.toContain('redis');
    expect(passed).toHaveLength(0);
  });
});

describe('the caller limit', () => {
  test('counts each caller alone', async () => {
    const { url } = await serve([callerFrom, rateLimitCaller({ limiter: memoryLimiter(1), windowMs })]);
    const statusOf = async (caller: string) =>
      (await fetch(url, { headers: { 'X-Test-Caller': caller } })).status;

    expect(await statusOf('ann')).toBe(200);
    expect(await statusOf('ann')).toBe(429);
    expect(await statusOf('bob')).toBe(200);
  });

  test('is reported beside the address limit, and once when a tool costs more', async () => {
    const options = { limiter: memoryLimiter(10), windowMs };
    const spend = spendFromCaller(options);
    const { url } = await serve([
      callerFrom,
      rateLimitAddress({ limiter: memoryLimiter(5), windowMs }),
      rateLimitCaller(options),
      async (req, res, next) => {
        await spend(req, res, 4);
        next();
      },
    ]);

    const { headers } = await fetch(url);

    expect(headers.get('ratelimit')).toBe('"address";r=4;t=60, "caller";r=5;t=60');
    expect(headers.get('ratelimit-policy')).toBe('"address";q=5;w=60, "caller";q=10;w=60');
  });

  test('refuses a call that costs more than is left', async () => {
    const options = { limiter: memoryLimiter(3), windowMs };
    const spend = spendFromCaller(options);
    const { url, audit, passed } = await serve([callerFrom, async (req, res) => spend(req, res, 4)]);

    expect((await fetch(url)).status).toBe(429);
    expect((await audit.record()).detail).toEqual({ limit: 'caller' });
    expect(passed).toHaveLength(0);
  });
});
