import type { ErrorRequestHandler, Request, Response } from 'express';
import type { AuditTrail } from '../observe/audit-record.js';
import { RefusedRequest } from '../refusal.js';
import { StoreUnavailable } from '../stores/types.js';
import { awaitsInvitation, drain, hasUnreadBody } from './drain.js';

export interface ErrorResponseOptions {
  /** Gets what is not a refusal, with its stack; the client gets `internal` and the request id. */
  readonly logger: { error(facts: object, message: string): void };
  /** How much of an unread body is read and thrown away after a refusal. */
  readonly maxDrainBytes: number;
}

/** When to try again after a 503 whose cause does not say. */
const RETRY_AFTER_S = '5';

/** Turns whatever a layer threw into an answer of the closed set, and notes it in the audit. */
export function errorResponse({ logger, maxDrainBytes }: ErrorResponseOptions): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return async function errorResponse(error: unknown, req, res, _next) {
    // Node's parser gave up on the body and the request is answered: a layer that was still waiting runs into that.
    if (res.writableEnded && req.audit.facts.decision === 'deny') return;
    const refusal = toRefusal(error);
    if (refusal.code === 'internal') logger.error({ err: error, requestId: req.requestId }, 'request failed');
    if (res.writableEnded) return;
    noteRefusal(req, refusal);
    // Half an answer cannot be taken back: the cut connection tells the client that it is not whole.
    if (res.headersSent) return void req.socket.destroy();
    await send(req, res, refusal, maxDrainBytes);
  };
}

function toRefusal(error: unknown): RefusedRequest {
  if (error instanceof RefusedRequest) return error;
  return new RefusedRequest(error instanceof StoreUnavailable ? 'store_unavailable' : 'internal');
}

function noteRefusal(req: Request, { code, rpcCode, detail }: RefusedRequest): void {
  // Without a trail the audit layer itself has failed.
  const trail: AuditTrail | undefined = req.audit;
  trail?.note({
    decision: 'deny',
    reason: code,
    'rpc.code': rpcCode,
    ...(Object.keys(detail).length > 0 && { detail }),
  });
}

async function send(
  req: Request,
  res: Response,
  refusal: RefusedRequest,
  maxDrainBytes: number,
): Promise<void> {
  const body = JSON.stringify(refusal.toBody(req.requestId, refusal.options.id ?? requestIdOf(req)));
  res.statusCode = refusal.status;
  res.setHeaders(new Map(Object.entries(refusal.headers)));
  if (refusal.status === 503 && !res.hasHeader('Retry-After')) res.setHeader('Retry-After', RETRY_AFTER_S);
  res.setHeader('Cache-Control', 'no-store'); // the audit layer refuses before the security headers are set
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  if (!hasUnreadBody(req)) return void res.end(body);

  // The rest of the body must not be taken for the next request.
  res.setHeader('Connection', 'close');
  res.write(body);
  if (!awaitsInvitation(req)) await drain(req, maxDrainBytes);
  res.end();
}

/** The id of the JSON-RPC request, once the envelope has found it. */
function requestIdOf(req: Request): string | number | null {
  const envelope: Request['envelope'] | undefined = req.envelope;
  return envelope?.kind === 'request' ? (envelope.id ?? null) : null;
}
