import type { Socket } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import type { Audit } from '../observe/audit.js';
import type { AuditFacts } from '../observe/audit-record.js';
import { RefusedRequest } from '../refusal.js';
import { auditedPath } from './request-path.js';

export interface AuditLogOptions {
  readonly audit: Pick<Audit, 'trail' | 'accepting'>;
  readonly clientAddress: (req: Request) => string;
}

/**
 * Opens the audit of a request, and ends it exactly once, however the response ends. Refuses every request while no audit
 * record can be written.
 */
export function auditLog({ audit, clientAddress }: AuditLogOptions): RequestHandler {
  const latest = new WeakMap<Socket, Response>();

  return function auditLog(req, res, next) {
    req.clientAddress = clientAddress(req);
    const isAccepted = audit.accepting();
    const trail = audit.trail(req.requestId, factsOf(req), isAccepted);
    req.audit = trail;
    countBytesOut(res);

    closeWithConnection(req, res);
    res.on('close', () => {
      trail.end({
        // A client that left before the answer got no status; the default of 200 would be wrong.
        ...(res.headersSent && { 'http.status': res.statusCode }),
        decision: trail.facts.decision ?? (res.headersSent && res.statusCode < 400 ? 'allow' : 'deny'),
        ...(!res.writableFinished && { truncated: true }),
        bytesIn: trail.facts.bytesIn ?? 0,
        bytesOut: res.bytesOut,
      });
    });
    // A request pipelined after `Connection: close` MUST NOT be processed (RFC 9112 §9.6): its answer would be lost.
    if (latest.get(req.socket)?.getHeader('connection') === 'close') {
      throw new RefusedRequest('malformed_request', { detail: { reason: 'closing' } });
    }
    latest.set(req.socket, res);
    if (!isAccepted) throw new RefusedRequest('audit_unavailable');
    next();
  };
}

/** W3C Trace Context, traceparent: neither version `ff` nor an id of zeros is valid. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:-|$)/;
/** What common tracers send (UUID, ULID, hex, `Root=1-…`). Other text might be meant to deceive a reader of the log. */
const RECORDABLE_ID = /^[\w.:=+/-]{1,128}$/;

function factsOf(req: Request): AuditFacts {
  const { 'x-request-id': clientRequestId, traceparent } = req.headers;
  const [, traceId] = traceparent === undefined ? [] : (TRACEPARENT.exec(String(traceparent)) ?? []);
  return {
    'client.address': req.clientAddress,
    'http.method': req.method,
    'http.path': auditedPath(req.originalUrl),
    ...(typeof clientRequestId === 'string' && RECORDABLE_ID.test(clientRequestId) && { clientRequestId }),
    ...(traceId !== undefined && { traceId }),
  };
}

/**
 * A pipelined response has no socket before its turn, and Node does not close it when the connection dies first. Without
 * this, its audit record would be lost and it would count as in flight for ever.
 */
function closeWithConnection(req: Request, res: Response): void {
  if (res.socket !== null) return;
  const onEnd = () => {
    if (!res.closed) res.emit('close');
  };
  req.socket.setMaxListeners(0).once('close', onEnd);
  res.once('close', () => req.socket.off('close', onEnd));
}

/** Counts the body as it is written: the socket's own counter includes its other responses. */
function countBytesOut(res: Response): void {
  res.bytesOut = 0;
  res.write = countedWrite;
  res.end = countedEnd;
}

/**
 * Not made for each response: an open stream keeps what is made for it. They call Node's own `write` and `end`, so a layer
 * that wraps these comes behind this one.
 */
const countedWrite = counted('write');
const countedEnd = counted('end');

function counted<Name extends 'write' | 'end'>(name: Name): Response[Name] {
  return function send(this: Response, ...args: unknown[]): never {
    this.bytesOut += sizeOf(args[0], args[1]);
    const { [name]: own } = Object.getPrototypeOf(this) as Record<Name, (...given: unknown[]) => never>;
    return own.apply(this, args);
  } as Response[Name];
}

function sizeOf(chunk: unknown, encoding: unknown): number {
  if (chunk instanceof Uint8Array) return chunk.byteLength;
  if (typeof chunk !== 'string') return 0;
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}
