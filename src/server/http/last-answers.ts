/**
 * Once this server is unready, each answer says `Connection: close`. Otherwise a client or proxy that reuses connections
 * would send its next call on one that is about to close, and lose it.
 */
import type { Server, ServerResponse } from 'node:http';

/** @returns a function that begins this, also for the calls in flight */
export function announceLastAnswers(server: Server): () => void {
  const begun = new Set<ServerResponse>();
  let isLast = false;
  const begin = (_req: unknown, res: ServerResponse) => {
    res.shouldKeepAlive &&= !isLast;
    begun.add(res);
    res.on('close', () => begun.delete(res));
  };
  server.prependListener('request', begin).prependListener('checkContinue', begin);
  return () => {
    isLast = true;
    for (const res of begun) res.shouldKeepAlive = false;
  };
}
