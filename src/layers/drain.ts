import type { IncomingMessage } from 'node:http';

const DRAIN_MS = 2000;

/**
 * Throws away what is left of a body, up to `maxBytes` and two seconds. Closing a socket that still holds unread
 * bytes resets the connection, and the client may lose the answer that says why (RFC 9112 §9.6).
 */
export function drain(req: IncomingMessage, maxBytes: number): Promise<void> {
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

/** Whether the client has sent, or will send, a body that nobody has read to its end. */
export function hasUnreadBody({ headers, readableEnded }: IncomingMessage): boolean {
  const length = Number(headers['content-length'] ?? 0);
  return !readableEnded && (length > 0 || headers['transfer-encoding'] !== undefined);
}

/** Whether the client still waits to be asked for its body (`Expect: 100-continue`): there is nothing to drain then. */
export function awaitsInvitation({ headers, readableFlowing }: IncomingMessage): boolean {
  return headers.expect !== undefined && readableFlowing === null;
}
