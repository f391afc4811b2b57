import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';

/** Names the request in the answer, the audit and the log. Always our own id: a caller's could forge another's trail. */
export function requestId(): RequestHandler {
  return function requestId(req, res, next) {
    req.requestId = randomUUID();
    res.setHeader('X-Request-Id', req.requestId);
    next();
  };
}
