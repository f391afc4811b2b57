import type { RequestHandler } from 'express';
import { isExactOrigin } from '../exact-names.js';
import { RefusedRequest } from '../refusal.js';

/**
 * Refuses browsers from origins we do not know (DNS rebinding, CSRF).
 * Requests without `Origin` pass: native MCP clients send none.
 * @param allowedOrigins exact; none refuses every browser
 */
export function originGuard(allowedOrigins: readonly string[]): RequestHandler {
  const allowed = new Set(allowedOrigins.map(requireExactOrigin));

  return function originGuard(req, _res, next) {
    // Node joins repeated `Origin` lines with a comma, which no allowed origin contains. `null` never matches.
    const { origin } = req.headers;
    if (origin !== undefined && !allowed.has(origin)) throw new RefusedRequest('origin_not_allowed');
    next();
  };
}

function requireExactOrigin(origin: string): string {
  if (isExactOrigin(origin)) return origin;
  throw new TypeError(
    `allowedOrigins: "${origin}" is not an exact origin such as https://console.example.com`,
  );
}
