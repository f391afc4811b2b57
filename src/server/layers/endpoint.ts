import type { RequestHandler } from 'express';
import { RefusedRequest } from '../refusal.js';
import { requestPath } from './request-path.js';

/** With these, a POST would act as another method and evade a proxy that filters methods. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

const IGNORED_UPGRADE = 'h2c';

/**
 * Refuses unknown paths and methods before spending anything on them. Paths are compared as sent: `%6dcp` is not `mcp`.
 * @param routes every path that we serve, with its methods
 */
export function endpoint(routes: Readonly<Record<string, readonly string[]>>): RequestHandler {
  const table = new Map(Object.entries(routes));

  return function endpoint(req, _res, next) {
    const methods = table.get(requestPath(req.originalUrl));
    if (methods === undefined) throw new RefusedRequest('not_found');
    // Java's client offers h2c with every request. Ignoring an offer declines it (RFC 9110 §7.8).
    if ((req.headers.upgrade ?? IGNORED_UPGRADE).toLowerCase() !== IGNORED_UPGRADE) {
      throw new RefusedRequest('malformed_request', { detail: { reason: 'upgrade' } });
    }
    // RFC 9112 §6.1: we decode chunked only, and HTTP/1.0 has no codings. A proxy may see the end of such a body elsewhere.
    const coding = req.headers['transfer-encoding']?.toLowerCase() ?? 'chunked';
    if (coding !== 'chunked' || (req.httpVersion === '1.0' && 'transfer-encoding' in req.headers)) {
      throw new RefusedRequest('malformed_request', { status: 501, detail: { reason: 'transfer_coding' } });
    }
    const overridden = METHOD_OVERRIDES.some((name) => req.headers[name] !== undefined);
    if (overridden || !methods.includes(req.method)) {
      throw new RefusedRequest('method_not_allowed', { headers: { Allow: methods.join(', ') } });
    }
    next();
  };
}
