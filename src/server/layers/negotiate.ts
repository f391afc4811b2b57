import type { Request, RequestHandler } from 'express';
import { headerLines } from '../raw-headers.js';
import { RefusedRequest } from '../refusal.js';

/** Types of our answers, by method (MCP 2025-11-25, Streamable HTTP). */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  POST: ['application/json', 'text/event-stream'],
  GET: ['text/event-stream'],
};

/**
 * Refuses an `Accept` that excludes our answers, and a `Content-Type` that we do not read.
 * @param unanswered paths whose POST gets an empty answer, so that any `Accept` will do (HTTP+SSE)
 */
export function negotiate(unanswered: readonly string[] = []): RequestHandler {
  /** The last good `Accept` of each method: most requests repeat it, and parsing costs as much as a layer. */
  const good = new Map<string, string>();

  return function negotiate(req, _res, next) {
    const { accept = '' } = req.headers;
    const types = unanswered.includes(req.path) ? [] : (ANSWERS[req.method] ?? []);
    if (types.length > 0 && (accept === '' || good.get(req.method) !== accept)) {
      requireAccept(req, types);
      good.set(req.method, accept);
    }
    if (req.method === 'POST') requireJson(req);
    next();
  };
}

/** The protocol requires the types to be listed, so a missing or empty `Accept` does not mean "anything". */
function requireAccept(req: Request, types: readonly string[]): void {
  if (types.every((type) => Boolean(req.headers.accept) && req.accepts(type) !== false)) return;
  throw new RefusedRequest('not_acceptable', { message: `Accept must allow ${types.join(' and ')}` });
}

function requireJson({ headers, rawHeaders }: Request): void {
  if (!UTF8_JSON.test(headers['content-type'] ?? '') || headerLines(rawHeaders, 'content-type').length > 1) {
    throw new RefusedRequest('unsupported_media_type', { message: 'Content-Type must be application/json' });
  }
  // A compressed body is small when its size is checked and large when it is parsed.
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new RefusedRequest('unsupported_media_type', {
      message: 'Content-Encoding must be identity',
      headers: { 'Accept-Encoding': 'identity' },
    });
  }
}

/** RFC 8259 §8.1: JSON is UTF-8 and takes no other parameter. Another charset could hide content from a filter in front. */
const UTF8_JSON = /^application\/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?$/i;
