import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Longer than a reader on a bad line pauses; the time begins anew whenever some of the answer is taken. */
const STALLED_MS = 30_000;

/**
 * Cuts off clients that do not read their answers. Node has no time-out for that: each answer, and all that are
 * pipelined behind it, would stay in our memory for as long as the client likes.
 */
export function cutUnreadAnswers(server: Server, stalledMs = STALLED_MS): void {
  const sending = new WeakMap<Socket, ServerResponse>();
  const watch: RequestListener = ({ socket }, res) => {
    // From here on nothing is left to do but to send. A stream that goes on is bounded by its buffer.
    res.once('prefinish', () => {
      if (socket.writableLength === 0) return; // the operating system has it all
      sending.set(socket, res);
      socket.setTimeout(stalledMs);
    });
    res.once('finish', () => {
      // Otherwise the next answer is already being sent, or Node has set the time-out of an idle connection.
      if (sending.get(socket) === res && socket.timeout === stalledMs) socket.setTimeout(0);
    });
  };
  server.on('request', watch).on('checkContinue', watch);
}
