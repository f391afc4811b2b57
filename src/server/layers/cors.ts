import corsHeaders from 'cors';
import type { Request, RequestHandler } from 'express';
import { requestPath } from './request-path.js';

const REQUEST_HEADERS =
  'Accept,Authorization,Content-Type,Last-Event-ID,MCP-Protocol-Version,Mcp-Method,Mcp-Name,Mcp-Session-Id,' +
  'X-Api-Key,traceparent,tracestate';
const EXPOSED_HEADERS =
  'Mcp-Session-Id,MCP-Protocol-Version,WWW-Authenticate,X-Request-Id,Retry-After,RateLimit,RateLimit-Policy';
/** How long a browser may remember a preflight, in seconds. */
const MAX_AGE_S = 600;

/**
 * Lets the scripts of allowed origins read our answers, refusals included, and answers their preflights.
 * Never with credentials mode: a cookie would make CSRF possible, and we read none.
 * @param paths whose preflight is answered; any other `OPTIONS` is left for the endpoint to refuse
 */
export function cors(allowedOrigins: readonly string[], paths: readonly string[]): RequestHandler {
  const known = new Set(paths);
  const setHeaders = corsHeaders<Request>((req, done) => {
    done(null, {
      origin: [...allowedOrigins],
      methods: ['GET', 'POST', 'DELETE'],
      allowedHeaders: [REQUEST_HEADERS, ...askedParamHeaders(req)],
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: MAX_AGE_S,
      preflightContinue: true,
    });
  });

  return function cors(req, res, next) {
    if (req.headers.origin === undefined) {
      res.vary('Origin'); // for caches: no browser reads this answer, another one might
      return next();
    }
    setHeaders(req, res, (error?: unknown) => {
      if (error !== undefined) return next(error);
      // Without the second it is another use of `OPTIONS` (Fetch standard, CORS-preflight fetch).
      const isPreflight = req.method === 'OPTIONS' && 'access-control-request-method' in req.headers;
      if (isPreflight && known.has(requestPath(req.originalUrl))) return res.status(204).end();
      next();
    });
  };
}

/** `Mcp-Param-*` has no closed list and `*` does not stand inside a name, so those asked for are named back. */
function askedParamHeaders(req: Request): string[] {
  const asked = req.headers['access-control-request-headers']?.split(',') ?? [];
  return asked.map((name) => name.trim()).filter((name) => /^mcp-param-[\w-]+$/i.test(name));
}
