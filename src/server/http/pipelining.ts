/**
 * Bounds the requests of one connection that run at once. Node parses all bytes of a read, up to 64 KiB, and starts every
 * request in them: a client that sends thousands back to back would block the event loop for seconds.
 *
 *   - Node's parser gets one request at a time; the rest stays in the socket's buffer, and the socket is paused.
 *   - A connection with `MAX_UNANSWERED` open responses waits until one of them ends.
 *   - Later requests of a read wait for their turn: a turn of the event loop starts at most `PER_TURN` of them.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { probeClient } from './probe-client.js';

const MAX_UNANSWERED = 4;
const PER_TURN = 16;
/** Pieces of one message that a turn parses: a chunked body may have thousands. */
const MAX_PIECES = 8;
/** When to probe after a client closed its sending half: only the next write notices what a write caused. */
const PROBES_MS = [0, 100, 2000];

const HEAD_END = '\r\n\r\n';
/** RFC 9112 §3: single spaces, and a version that we speak. Node also accepts many spaces, HTTP/0.9 and HTTP/2.0. */
const REQUEST_LINE = /^(?:\r\n)*[!-~]+ [!-\xff]+ HTTP\/1\.[01]\r\n/;
/** Not valid anywhere in a head, so Node's parser reports an error. */
const RUBBISH = Buffer.from('\0');
const EMPTY = Buffer.alloc(0);

type Parse = (this: Socket, bytes: Buffer) => void;

export function pacePipelining(server: Server): void {
  const connections = new WeakMap<Socket, Connection>();
  const turns = createTurns();
  const opened = server instanceof https.Server ? 'secureConnection' : 'connection';
  // Undocumented in Node: keeps serving clients that close their sending half (FIN) and still read.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on(opened, (socket: Socket) => {
    socket.allowHalfOpen = true; // not so by default over TLS
    connections.set(socket, new Connection(socket, turns));
  });
  const begin = (req: IncomingMessage, res: ServerResponse) => connections.get(req.socket)?.begin(req, res);
  server.prependListener('request', begin).prependListener('checkContinue', begin);
}

type Turns = ReturnType<typeof createTurns>;

function createTurns() {
  const waiting = new Set<Connection>();
  function turn(): void {
    let left = PER_TURN;
    for (const connection of waiting) {
      if (left-- === 0) return void setImmediate(turn);
      waiting.delete(connection);
      connection.proceed();
    }
  }
  return {
    wait(connection: Connection): void {
      if (waiting.size === 0) setImmediate(turn);
      waiting.add(connection);
    },
  };
}

class Connection {
  readonly #parse: Parse;
  #unanswered: readonly ServerResponse[] = [];
  #latest: IncomingMessage | undefined;
  /** The bytes of an incomplete head; in a chunked body, its last bytes, which may begin its end. */
  #head: Buffer = EMPTY;
  /** Bytes missing from a body of declared length. */
  #bodyLeft = 0;
  #isHeld = false;

  constructor(
    private readonly socket: Socket,
    private readonly turns: Turns,
  ) {
    // Node's own listener for `data`; replacing it also makes Node stop reading the socket natively.
    const [parse] = socket.listeners('data') as Parse[];
    if (parse === undefined) throw new TypeError('Node parses HTTP without listening to its socket');
    this.#parse = parse;
    socket.off('data', parse).on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => {
      const probe = () => this.#unanswered.forEach(probeClient);
      const probes = PROBES_MS.map((afterMs) => setTimeout(probe, afterMs).unref());
      socket.once('close', () => probes.forEach(clearTimeout)); // they would keep a closed connection in memory
    });
  }

  begin(req: IncomingMessage, res: ServerResponse): void {
    this.#latest = req;
    this.#bodyLeft = Number(req.headers['content-length'] ?? 0);
    this.#unanswered = this.#unanswered.concat(res);
    res.on('close', () => {
      this.#unanswered = this.#unanswered.filter((one) => one !== res);
      if (this.#isHeld) this.turns.wait(this);
    });
  }

  proceed(): void {
    this.#isHeld = false;
    this.socket.resume(); // the next piece comes as `data`
  }

  #take(bytes: Buffer): void {
    const { socket } = this;
    let rest = bytes;
    let pieces = 0;
    // Not writable: about to close. Paused: Node pauses while answers are unread or a body is not consumed.
    while (rest.length > 0 && socket.writable && !socket.isPaused()) {
      const isNext = this.#isBetweenMessages();
      if (this.#isHeld || pieces === MAX_PIECES || (isNext && (pieces > 0 || this.#isFull()))) {
        return this.#hold(rest);
      }
      rest = this.#parsePiece(rest);
      pieces += 1;
    }
    if (rest.length > 0 && socket.isPaused()) socket.unshift(rest);
  }

  #isFull(): boolean {
    return this.#unanswered.length >= MAX_UNANSWERED;
  }

  #isBetweenMessages(): boolean {
    return this.#head.length === 0 && this.#latest?.complete !== false;
  }

  #hold(rest: Buffer): void {
    this.#isHeld = true;
    this.socket.pause();
    this.socket.unshift(rest);
    if (!(this.#isBetweenMessages() && this.#isFull())) this.turns.wait(this);
  }

  /** Parses the rest of a body, or the bytes up to the end of the next head. Returns what is left. */
  #parsePiece(bytes: Buffer): Buffer {
    if (this.#bodyLeft > 0) {
      const size = Math.min(this.#bodyLeft, bytes.length);
      this.#bodyLeft -= size;
      return this.#parseFirst(bytes, size);
    }
    const known = this.#head;
    const head = known.length === 0 ? bytes : Buffer.concat([known, bytes]);
    const end = head.indexOf(HEAD_END);
    const isBody = this.#latest?.complete === false; // a chunked one
    if (end === -1) {
      this.#head = isBody ? Buffer.from(head.subarray(1 - HEAD_END.length)) : head;
      return this.#parseFirst(bytes, bytes.length);
    }
    this.#head = EMPTY;
    if (!isBody && !isWellFormed(head, end)) return this.#refuse();
    return this.#parseFirst(bytes, end + HEAD_END.length - known.length);
  }

  #parseFirst(bytes: Buffer, size: number): Buffer {
    this.#parse.call(this.socket, bytes.subarray(0, size));
    return bytes.subarray(size);
  }

  #refuse(): Buffer {
    this.#parse.call(this.socket, RUBBISH);
    return EMPTY;
  }
}

/** Empty lines before a request are ignored (RFC 9112 §2.2). */
function isWellFormed(head: Buffer, end: number): boolean {
  if (end === 0) return true;
  const lineEnd = head.indexOf('\r\n', head[0] === 13 ? 2 : 0);
  return REQUEST_LINE.test(head.toString('latin1', 0, lineEnd + 2));
}
