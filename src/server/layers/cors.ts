import corsHeaders from 'cors';
import type { Request, RequestHandler } from 'express';
import { requestPath } from './request-path.js';

const REQUEST_HEADERS =
  'Accept,Authorization,Content-Type,DPoP,Last-Event-ID,MCP-Protocol-Version,Mcp-Method,Mcp-Name,Mcp-Session-Id,' +
  'X-Api-Key,traceparent,tracestate';
const EXPOSED_HEADERS =
  'Mcp-Session-Id,MCP-Protocol-Version,WWW-Authenticate,DPoP-Nonce,X-Request-Id,Retry-After,RateLimit,RateLimit-Policy';
/** How long a browser may remember a preflight, in seconds. */
const MAX_AGE_S = 600;

/**
 * Lets scripts of allowed origins read our answers, including refusals, and answers their preflights. Never allows
 * credentials mode: we read no cookies, and they would make CSRF possible.
 * @param paths whose preflights are answered; `endpoint` refuses any other `OPTIONS`
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
      res.vary('Origin'); // for caches: a browser may ask for the same next
      return next();
    }
    setHeaders(req, res, (error?: unknown) => {
      if (error !== undefined) return next(error);
      // Without that header it is no preflight (Fetch standard, CORS-preflight fetch).
      const isPreflight = req.method === 'OPTIONS' && 'access-control-request-method' in req.headers;
      if (isPreflight && known.has(requestPath(req.originalUrl))) return res.status(204).end();
      next();
    });
  };
}

/** CORS has no wildcard for `Mcp-Param-*`, so we allow each such name that is asked for. */
function askedParamHeaders(req: Request): string[] {
  const asked = req.headers['access-control-request-headers']?.split(',') ?? [];
  return asked.map((name) => name.trim()).filter((name) => /^mcp-param-[\w-]+$/i.test(name));
}
