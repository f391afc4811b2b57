import type { RequestHandler } from 'express';
import { requestPath } from '../../layers/request-path.js';

/** 2025-03-26, when streamable HTTP replaced HTTP+SSE (RFC 9745 §2.1: Unix time). */
const DEPRECATED_SINCE = '@1742947200';
/** When this template removes HTTP+SSE; an earlier date of your own goes here (RFC 8594). */
const SUNSET = 'Wed, 30 Jun 2027 23:59:59 GMT';
/** Replace it with the URL where you publish `docs/migrate-from-sse.md`. */
const GUIDE =
  'https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility';

/**
 * Announces the removal of an old endpoint in each of its answers.
 * @param successor path of the endpoint to use instead
 */
export function deprecation(paths: readonly string[], successor: string): RequestHandler {
  const deprecated = new Set(paths);
  const headers = new Map([
    ['Deprecation', DEPRECATED_SINCE],
    ['Sunset', SUNSET],
    ['Link', `<${GUIDE}>; rel="deprecation"; type="text/html", <${successor}>; rel="successor-version"`],
  ]);

  return function deprecation(req, res, next) {
    if (deprecated.has(requestPath(req.originalUrl))) res.setHeaders(headers);
    next();
  };
}
