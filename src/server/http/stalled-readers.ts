import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Longer than a reader on a bad line pauses; the time begins anew whenever some of the answer is taken. */
const STALLED_MS = 30_000;
/** Looks within that time. They are counted, not the time: where nothing had its turn, no reader was slow. */
const LOOKS = 10;

interface Sending {
  readonly socket: Socket;
  unsent: number;
  looks: number;
}

/**
 * Cuts off clients that do not read their answers: each answer, and all that are pipelined behind it, would stay in our
 * memory for as long as the client likes. Node's own time-out begins anew when it first sees that the system took a part.
 */
export function cutUnreadAnswers(server: Server, stalledMs = STALLED_MS): void {
  const all = new Map<ServerResponse, Sending>();
  const watch: RequestListener = ({ socket }, res) => {
    // From here on nothing is left to do but to send. A stream that goes on is bounded by its buffer.
    res.once('prefinish', () => {
      if (socket.writableLength === 0) return; // the operating system has it all
      all.set(res, { socket, unsent: unsentBytes(socket), looks: 0 });
      res.once('close', () => all.delete(res));
    });
  };
  server.on('request', watch).on('checkContinue', watch);

  const timer = setInterval(() => {
    for (const sending of all.values()) {
      const { socket } = sending;
      const before = sending.unsent;
      sending.unsent = unsentBytes(socket);
      sending.looks = sending.unsent === before ? sending.looks + 1 : 0;
      if (sending.looks === LOOKS) socket.destroy();
    }
  }, stalledMs / LOOKS).unref();
  server.once('close', () => clearInterval(timer));
}

/** A large write stays whole in `writableLength` until its end; what the system took of it only the handle knows. */
function unsentBytes(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly writeQueueSize: number } | null };
  return socket.writableLength + (handle?.writeQueueSize ?? 0);
}
