/**
 * From the moment this server is unready, each answer says `Connection: close`. A client or proxy that keeps connections
 * would otherwise send its next call into one that closes, and lose it.
 */
import type { Server, ServerResponse } from 'node:http';

/** @returns begins to say so, also in the answers of the calls in flight */
export function announceLastAnswers(server: Server): () => void {
  const begun = new Set<ServerResponse>();
  let isLast = false;
  server.prependListener('request', (_req, res) => {
    res.shouldKeepAlive &&= !isLast;
    begun.add(res);
    res.once('close', () => begun.delete(res));
  });
  return () => {
    isLast = true;
    for (const res of begun) res.shouldKeepAlive = false;
  };
}
