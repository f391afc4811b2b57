import type { Request, RequestHandler } from 'express';
import { RefusedRequest } from '../refusal.js';
import { type JsonLimits, parseJson } from './parse-json.js';

/** Each chunk costs about 200 bytes of memory and an event, so a million one-byte chunks would exhaust the heap. */
const MAX_TINY_PIECES = 10_000;
const TINY_BYTES = 64;

interface JsonBodyOptions extends JsonLimits {
  readonly maxBytes: number;
}

/** Reads the body of a POST, up to `maxBytes`. GET and DELETE have none. */
export function jsonBody({ maxBytes, ...limits }: JsonBodyOptions): RequestHandler {
  return async function jsonBody(req, res, next) {
    if (req.method !== 'POST') return next();
    if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    // The client is invited only now, when its credential and the type and size of its body are checked.
    if (req.headers.expect !== undefined) res.writeContinue();
    const { value, argumentBytes } = parseJson(await readBody(req, maxBytes), limits);
    Object.assign(req, { body: value, argumentBytes });
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
      req.audit.note({ bytesIn }); // for each chunk: when the connection dies, the record is written before `onClose`
      chunks.push(chunk);
      // Content-Length may be absent, or wrong after a proxy rewrote the body.
      if (bytesIn > maxBytes) return settle(() => reject(tooLarge(maxBytes)));
      const isShredded = chunks.length > MAX_TINY_PIECES && bytesIn < chunks.length * TINY_BYTES;
      if (isShredded) settle(() => reject(malformed('tiny_chunks')));
    }
    const onEnd = () =>
      settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const onClose = () => settle(() => reject(malformed('aborted')));
    req.on('data', onData).once('end', onEnd).once('close', onClose);
  });
}

function malformed(reason: string): RefusedRequest {
  return new RefusedRequest('malformed_request', { detail: { reason } });
}

function tooLarge(maxBytes: number): RefusedRequest {
  return new RefusedRequest('body_too_large', { detail: { maxBytes } });
}
