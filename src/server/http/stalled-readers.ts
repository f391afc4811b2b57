import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Longer than a reader on a bad line pauses. The time starts again whenever it takes some of the answer. */
const STALLED_MS = 30_000;
/** Checks within that time. We count checks, not time: while the event loop was blocked, no reader was slow. */
const LOOKS = 10;

interface Sending {
  readonly socket: Socket;
  unsent: number;
  looks: number;
}

/**
 * Disconnects clients that do not read their answers: each answer, and those pipelined behind it, would stay in memory for
 * as long as the client likes. Node's own time-out starts again when it first sees that the system took a part.
 */
export function cutUnreadAnswers(server: Server, stalledMs = STALLED_MS): void {
  const all = new Map<ServerResponse, Sending>();
  const watch: RequestListener = ({ socket }, res) => {
    // The answer is complete and only has to be sent. An open stream is bounded by its buffer instead.
    res.on('prefinish', () => {
      if (socket.writableLength === 0) return; // the operating system has all of it
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

/** `writableLength` counts a large write in full until it ends; only the handle knows how much the system took. */
function unsentBytes(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly writeQueueSize: number } | null };
  return socket.writableLength + (handle?.writeQueueSize ?? 0);
}
