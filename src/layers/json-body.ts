import type { Request, RequestHandler } from 'express';
import { RefusedRequest } from '../refusal.js';
import { parseJson } from './parse-json.js';

export interface JsonBodyOptions {
  readonly maxBytes: number;
  /** How deep arrays and objects may be nested. */
  readonly maxDepth: number;
}

/** Reads the body of a POST, never more of it than is allowed. GET and DELETE have none. */
export function jsonBody({ maxBytes, maxDepth }: JsonBodyOptions): RequestHandler {
  return async function jsonBody(req, res, next) {
    if (req.method !== 'POST') return next();
    if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    // Only now is the client invited to send: it has shown who it is, and that its body is of the right kind and size.
    if (req.headers.expect !== undefined) res.writeContinue();
    req.body = parseJson(await readBody(req, maxBytes), maxDepth);
    next();
  };
}

function readBody(req: Request, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytesIn = 0;
  return new Promise((resolve, reject) => {
    function settle(outcome: () => void): void {
      req.off('data', onData).off('end', onEnd).off('close', onClose);
      outcome();
    }
    function onData(chunk: Buffer): void {
      bytesIn += chunk.length;
      req.audit.note({ bytesIn }); // each time: when the connection dies, the record is written before `onClose` runs
      chunks.push(chunk);
      // The length need not be declared, and a declared one need not be true of a proxy's rewriting.
      if (bytesIn > maxBytes) settle(() => reject(tooLarge(maxBytes)));
    }
    const onEnd = () =>
      settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const onClose = () =>
      settle(() => reject(new RefusedRequest('malformed_request', { detail: { reason: 'aborted' } })));
    req.on('data', onData).once('end', onEnd).once('close', onClose);
  });
}

function tooLarge(maxBytes: number): RefusedRequest {
  return new RefusedRequest('body_too_large', { detail: { maxBytes } });
}
