import type { RequestListener, Server } from 'node:http';

/** Longer than a reader on a bad line pauses; the time begins anew whenever some of the answer is taken. */
const STALLED_MS = 30_000;

/**
 * Cuts off clients that do not read their answers. Node has no time-out for that: each answer, and all that are
 * pipelined behind it, would stay in our memory for as long as the client likes.
 */
export function cutUnreadAnswers(server: Server, stalledMs = STALLED_MS): void {
  const watch: RequestListener = ({ socket }, res) => {
    // From here on nothing is left to do but to send. A stream that goes on is bounded by its buffer.
    res.once('prefinish', () => socket.setTimeout(stalledMs));
    res.once('finish', () => {
      // Otherwise Node has already set the time-out of an idle connection.
      if (socket.timeout === stalledMs) socket.setTimeout(0);
    });
  };
  server.on('request', watch).on('checkContinue', watch);
}
