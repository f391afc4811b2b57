import type { Request, RequestHandler } from 'express';
import { headerLines } from '../raw-headers.js';
import { RefusedRequest } from '../refusal.js';

/** What the transport answers with, by method (MCP 2025-11-25, Streamable HTTP). */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  POST: ['application/json', 'text/event-stream'],
  GET: ['text/event-stream'],
};

/**
 * Refuses a client that could not read our answer, or whose body we would not read.
 * @param unanswered paths whose POST gets no body, so that its client need not accept any (HTTP+SSE)
 */
export function negotiate(unanswered: readonly string[] = []): RequestHandler {
  /** The last good `Accept` of each method: nearly every request repeats it, and to parse it costs as much as a layer. */
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

/** The protocol wants the types listed, so an `Accept` that is missing or empty does not count as "anything". */
function requireAccept(req: Request, types: readonly string[]): void {
  if (types.every((type) => Boolean(req.headers.accept) && req.accepts(type) !== false)) return;
  throw new RefusedRequest('not_acceptable', { message: `Accept must allow ${types.join(' and ')}` });
}

function requireJson({ headers, rawHeaders }: Request): void {
  if (!UTF8_JSON.test(headers['content-type'] ?? '') || headerLines(rawHeaders, 'content-type').length > 1) {
    throw new RefusedRequest('unsupported_media_type', { message: 'Content-Type must be application/json' });
  }
  // A compressed body would be small where its size is checked and large where it is read.
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new RefusedRequest('unsupported_media_type', {
      message: 'Content-Encoding must be identity',
      headers: { 'Accept-Encoding': 'identity' },
    });
  }
}

/** RFC 8259 §8.1: JSON is UTF-8, and has no other parameter; another charset could hide what a filter in front looks for. */
const UTF8_JSON = /^application\/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?$/i;
