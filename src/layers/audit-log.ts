import type { ServerResponse } from 'node:http';
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
 * Opens the audit of a request and ends it, exactly once, when the response is over, however it ends.
 * No request is served that cannot be audited.
 */
export function auditLog({ audit, clientAddress }: AuditLogOptions): RequestHandler {
  const isClosing = closingConnections();

  return function auditLog(req, res, next) {
    const startedAt = performance.now();
    req.clientAddress = clientAddress(req);
    const trail = audit.trail(req.requestId, factsOf(req));
    req.audit = trail;
    const bytesOut = countBytesOut(res);

    closeWithConnection(req, res);
    res.once('close', () => {
      trail.end({
        // A client that left before any answer got no status; the default 200 would be a lie.
        ...(res.headersSent && { 'http.status': res.statusCode }),
        ...(!res.writableFinished && { truncated: true }),
        durationMs: Math.round(performance.now() - startedAt),
        bytesIn: trail.facts.bytesIn ?? 0,
        bytesOut: bytesOut(),
      });
    });
    if (isClosing(req, res)) throw new RefusedRequest('malformed_request', { detail: { reason: 'closing' } });
    if (!audit.accepting()) throw new RefusedRequest('audit_unavailable');
    next();
  };
}

/** What is pipelined behind an answer with `Connection: close` MUST NOT be processed (RFC 9112 §9.6): none would see it. */
function closingConnections(): (req: Request, res: Response) => boolean {
  const latest = new WeakMap<Socket, Response>();
  return ({ socket }, res) => {
    if (latest.get(socket)?.getHeader('connection') === 'close') return true;
    latest.set(socket, res);
    return false;
  };
}

function factsOf(req: Request): AuditFacts {
  const clientRequestId = req.headers['x-request-id'];
  return {
    'client.address': req.clientAddress,
    'http.method': req.method,
    'http.path': auditedPath(req.originalUrl),
    ...(isRecordableId(clientRequestId) && { clientRequestId }),
  };
}

/** What common tracers send (UUID, ULID, hex, `Root=1-…`); anything else could be text made for the reader of the log. */
function isRecordableId(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.:=+/-]{1,128}$/.test(value);
}

/**
 * A pipelined response has no socket before its turn, and Node never closes it when the connection dies first:
 * its audit would be lost and its place among the requests in flight taken for ever.
 */
function closeWithConnection(req: Request, res: Response): void {
  if (res.socket !== null) return;
  const onEnd = () => {
    if (!res.closed) res.emit('close');
  };
  req.socket.setMaxListeners(0).once('close', onEnd);
  res.once('close', () => req.socket.off('close', onEnd));
}

/** Counts the bytes of the body as they are written: a socket's own count would mix in its other responses. */
function countBytesOut(res: ServerResponse): () => number {
  let bytes = 0;
  const write = res.write.bind(res) as (...args: unknown[]) => boolean;
  const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
  res.write = (...args: unknown[]) => {
    bytes += sizeOf(args[0], args[1]);
    return write(...args);
  };
  res.end = (...args: unknown[]) => {
    bytes += sizeOf(args[0], args[1]);
    return end(...args);
  };
  return () => bytes;
}

function sizeOf(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === 'string') {
    return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? chunk.byteLength : 0;
}
