import type { RequestHandler } from 'express';
import { RefusedRequest } from '../refusal.js';
import { requestPath } from './request-path.js';

/** Each would let a POST act as another method behind the back of a proxy that filters methods. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

const IGNORED_UPGRADE = 'h2c';

/**
 * Refuses unknown paths and methods before anything is spent on them. Paths are compared as sent: `%6dcp` is not `mcp`.
 * @param routes every path we serve, with its methods
 */
export function endpoint(routes: Readonly<Record<string, readonly string[]>>): RequestHandler {
  const table = new Map(Object.entries(routes));

  return function endpoint(req, _res, next) {
    const methods = table.get(requestPath(req.originalUrl));
    if (methods === undefined) throw new RefusedRequest('not_found');
    // To ignore an offer is to decline it (RFC 9110 §7.8), and Java's client makes this one with every request.
    if ((req.headers.upgrade ?? IGNORED_UPGRADE).toLowerCase() !== IGNORED_UPGRADE) {
      throw new RefusedRequest('malformed_request', { detail: { reason: 'upgrade' } });
    }
    // RFC 9112 §6.1: a coding that we do not undo. What is coded in it would be taken for what it is not.
    if ((req.headers['transfer-encoding'] ?? 'chunked').toLowerCase() !== 'chunked') {
      throw new RefusedRequest('malformed_request', { status: 501, detail: { reason: 'transfer_coding' } });
    }
    const overridden = METHOD_OVERRIDES.some((name) => req.headers[name] !== undefined);
    if (overridden || !methods.includes(req.method)) {
      throw new RefusedRequest('method_not_allowed', { headers: { Allow: methods.join(', ') } });
    }
    next();
  };
}
