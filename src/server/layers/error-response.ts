import type { ErrorRequestHandler, Request, Response } from 'express';
import { RefusedRequest } from '../refusal.js';

/** `Retry-After` of a 503 whose cause names none. */
const RETRY_AFTER_S = '5';
const DRAIN_MS = 2000;

export interface ErrorResponseOptions {
  /** Gets unexpected errors with their stack; the client gets `internal` and the request id. */
  readonly logger: { error(facts: object, message: string): void };
  /** Maximum of an unread body to read and discard after a refusal. */
  readonly maxDrainBytes: number;
}

/** Turns an error of a layer into an answer of the closed set, and notes it in the audit. */
export function errorResponse({ logger, maxDrainBytes }: ErrorResponseOptions): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return async function errorResponse(error: unknown, req, res, _next) {
    const { audit, requestId } = req as Partial<Request>; // no trail: the audit layer itself failed
    // Node's parser refused the body, and that is answered: the layer that waited for the body fails after it.
    if (res.writableEnded && audit?.facts.decision === 'deny') return;
    const refusal = error instanceof RefusedRequest ? error : new RefusedRequest('internal');
    if (refusal.code === 'internal') logger.error({ err: error, requestId }, 'request failed');
    if (res.writableEnded) return;
    audit?.note(refusal.facts);
    // Part of an answer is sent. A destroyed connection tells the client that it is incomplete.
    if (res.headersSent) return void req.socket.destroy();
    await send(req, res, refusal, maxDrainBytes);
  };
}

async function send(req: Request, res: Response, refusal: RefusedRequest, maxDrainBytes: number) {
  const { envelope } = req as Partial<Request>; // undefined when an earlier layer refused
  const id = envelope?.kind === 'request' ? envelope.id : undefined;
  const body = JSON.stringify(refusal.toBody(req.requestId, id));
  res.statusCode = refusal.status;
  res.setHeaders(new Map(Object.entries(refusal.headers)));
  if (refusal.status === 503 && !res.hasHeader('Retry-After')) res.setHeader('Retry-After', RETRY_AFTER_S);
  res.setHeader('Cache-Control', 'no-store'); // the audit layer can refuse before security headers are set
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  const hasBody = Number(req.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in req.headers;
  if (!hasBody || req.readableEnded) return void res.end(body);

  // The rest of the body must not be taken for the next request.
  res.setHeader('Connection', 'close');
  res.write(body);
  // With `Expect: 100-continue`, a client that was not invited has sent no body.
  const awaitsInvitation = req.headers.expect !== undefined && req.readableFlowing === null;
  if (!awaitsInvitation) await drain(req, maxDrainBytes);
  res.end();
}

/**
 * Discards the rest of a body, up to `maxBytes` and two seconds. Closing a socket with unread bytes resets the connection,
 * and the client may lose the answer (RFC 9112 §9.6).
 */
function drain(req: Request, maxBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let left = maxBytes;
    const timer = setTimeout(stop, DRAIN_MS).unref();
    function stop(): void {
      clearTimeout(timer);
      req.off('data', onData).off('end', stop).off('close', stop).pause();
      resolve();
    }
    function onData(chunk: Buffer): void {
      left -= chunk.length;
      if (left <= 0) stop();
    }
    req.on('data', onData).once('end', stop).once('close', stop).resume();
  });
}
