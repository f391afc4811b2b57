import corsHeaders from 'cors';
import type { Request, RequestHandler } from 'express';
import { requestPath } from './request-path.js';

export interface CorsOptions {
  /** Exact origins; the origin guard has already refused all others. */
  readonly allowedOrigins: readonly string[];
  /** Paths whose preflight is answered; any other `OPTIONS` is left for the endpoint to refuse. */
  readonly paths: readonly string[];
}

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
 */
export function cors({ allowedOrigins, paths }: CorsOptions): RequestHandler {
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
    setHeaders(req, res, (error?: unknown) => {
      if (error !== undefined) return next(error);
      if (isPreflight(req) && known.has(requestPath(req.originalUrl))) return res.status(204).end();
      next();
    });
  };
}

/** A preflight, and not another use of `OPTIONS` (Fetch standard, CORS-preflight fetch). */
function isPreflight({ method, headers }: Request): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  );
}

/** `Mcp-Param-*` has no closed list and `*` does not stand inside a name, so those asked for are named back. */
function askedParamHeaders(req: Request): string[] {
  const asked = req.headers['access-control-request-headers']?.split(',') ?? [];
  return asked.map((name) => name.trim()).filter((name) => /^mcp-param-[\w-]+$/i.test(name));
}
