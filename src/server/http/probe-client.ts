import type { ServerResponse } from 'node:http';

/** Server-sent events: a comment. */
const COMMENT = ': still here\n\n';

/**
 * Writes bytes that a client ignores if it closed only its sending half (FIN) and waits for its answer. A client that closed
 * the whole connection looks the same until then: now its system answers with a reset, which cancels its calls.
 */
export function probeClient(res: ServerResponse): void {
  if (res.writableEnded) return;
  if (!res.headersSent) {
    if (res.req.httpVersion === '1.1') res.writeProcessing(); // HTTP/1.0 knows no interim answers
  } else if (String(res.getHeader('content-type')).startsWith('text/event-stream')) res.write(COMMENT);
}
