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

/** Limits what one address may send, before we know who sends it. */
export function rateLimitAddress(options: RateLimitOptions): RequestHandler {
  return async function rateLimitAddress(req, res, next) {
    await take('address', options, res, addressKey(req.clientAddress), 1);
    next();
  };
}

/** Limits what one caller may send, from whatever addresses. */
export function rateLimitCaller(options: RateLimitOptions): RequestHandler {
  const spend = spendFromCaller(options);
  return async function rateLimitCaller(req, res, next) {
    await spend(req, res, 1);
    next();
  };
}

/** Takes points from the caller's limit, for what costs more than one. */
export function spendFromCaller(options: RateLimitOptions) {
  return (req: Request, res: Response, points: number) =>
    take('caller', options, res, callerKey(req.caller), points);
}

/** Says what is left, too (draft-ietf-httpapi-ratelimit-headers, structured fields; `w` and `t` in seconds). */
async function take(name: string, options: RateLimitOptions, res: Response, key: string, points: number) {
  const { allowed, limit, remaining, resetMs } = await options.limiter.consume(key, points);
  const resetS = Math.ceil(resetMs / 1000);
  setMember(res, 'RateLimit-Policy', `"${name}"`, `;q=${limit};w=${Math.ceil(options.windowMs / 1000)}`);
  setMember(res, 'RateLimit', `"${name}"`, `;r=${Math.max(0, remaining)};t=${resetS}`);
  if (allowed) return;
  const headers = { 'Retry-After': String(Math.max(1, resetS)) };
  throw new RefusedRequest('rate_limited', { detail: { limit: name }, headers });
}

/** One list member per limit, replaced by name: a caller's is reported again when a tool costs more. */
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
