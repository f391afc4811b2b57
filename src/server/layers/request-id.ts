import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';

/** Gives the request its id in answer, audit and log. Always our own: a caller's id could forge another request's trail. */
export function requestId(): RequestHandler {
  return function requestId(req, res, next) {
    req.requestId = randomUUID();
    res.setHeader('X-Request-Id', req.requestId);
    next();
  };
}
