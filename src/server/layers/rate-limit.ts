import type { Request, RequestHandler, Response } from 'express';
import { callerKey } from '../identity/caller.js';
import { RefusedRequest } from '../refusal.js';
import type { RateLimiter } from '../stores/types.js';
import { addressKey } from './client-address.js';

export interface RateLimitOptions {
  readonly limiter: RateLimiter;
  /** Length of the limiter's window, for the `RateLimit-Policy` header. */
  readonly windowMs: number;
}

/** Limits the requests of one address, before the caller is known. */
export function rateLimitAddress(options: RateLimitOptions): RequestHandler {
  return async function rateLimitAddress(req, res, next) {
    await take('address', options, res, addressKey(req.clientAddress), 1);
    next();
  };
}

/** Limits the requests of one caller, from any address. */
export function rateLimitCaller(options: RateLimitOptions): RequestHandler {
  const spend = spendFromCaller(options);
  return async function rateLimitCaller(req, res, next) {
    await spend(req, res, 1);
    next();
  };
}

/** Takes points from the caller's limit, for calls that cost more than one. */
export function spendFromCaller(options: RateLimitOptions) {
  return (req: Request, res: Response, points: number) =>
    take('caller', options, res, callerKey(req.caller), points);
}

/** Takes points, and reports the rest (draft-ietf-httpapi-ratelimit-headers; `w` and `t` in seconds). */
async function take(name: string, options: RateLimitOptions, res: Response, key: string, points: number) {
  const { allowed, limit, remaining, resetMs } = await options.limiter.consume(key, points);
  const resetS = Math.ceil(resetMs / 1000);
  setMember(res, 'RateLimit-Policy', `"${name}"`, `;q=${limit};w=${Math.ceil(options.windowMs / 1000)}`);
  setMember(res, 'RateLimit', `"${name}"`, `;r=${Math.max(0, remaining)};t=${resetS}`);
  if (allowed) return;
  const headers = { 'Retry-After': String(Math.max(1, resetS)) };
  throw new RefusedRequest('rate_limited', { detail: { limit: name }, headers });
}

/** Adds or replaces one limit's list member: an expensive tool reports the caller's a second time. */
function setMember(res: Response, header: string, name: string, parameters: string): void {
  const member = name + parameters;
  const present = res.getHeader(header) as string | undefined;
  const others = present?.includes(name)
    ? present
        .split(', ')
        .filter((one) => !one.startsWith(name))
        .join(', ')
    : present; // nearly always
  res.setHeader(header, others ? `${others}, ${member}` : member);
}
