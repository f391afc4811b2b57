/** A TCP relay in front of a server, through which the network can be slow or fall silent. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** From now on each piece of an answer is held back for so many milliseconds; `Infinity`: until the next change. */
  slow(delayMs: () => number): void;
  /** The connections of now pass nothing any more, and never end; new ones do. */
  abandon(): void;
  close(): void;
}

export async function startRelay(targetPort: number, port = 0): Promise<Relay> {
  const sockets = new Set<Socket>();
  const ways = new Set<Way>();
  const abandoned = new Set<Way>();
  let delayMs = () => 0;
  const server = createServer((from) => {
    const to = connect(targetPort, '127.0.0.1');
    const there = new Way(from, to, () => (abandoned.has(there) || delayMs() === Infinity ? Infinity : 0));
    const back = new Way(to, from, () => (abandoned.has(back) ? Infinity : delayMs()));
    const both = [there, back];
    for (const way of both) ways.add(way);
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket
        .on('error', () => {})
        .once('close', () => {
          sockets.delete(socket);
          for (const way of both) ways.delete(way);
          from.destroy();
          to.destroy();
        });
    }
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    slow(next) {
      delayMs = next;
      for (const way of ways) way.pass();
    },
    abandon: () => ways.forEach((way) => abandoned.add(way)),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Passes on in order and whole, as TCP does: what meets a silent network comes when it speaks again. */
class Way {
  readonly #held: { readonly chunk: Buffer; readonly cameAt: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    from: Socket,
    private readonly to: Socket,
    private readonly delayMs: () => number,
  ) {
    from.on('data', (chunk) => {
      this.#held.push({ chunk, cameAt: performance.now() });
      if (this.#held.length === 1) this.pass();
    });
  }

  pass(): void {
    clearTimeout(this.#timer);
    const [next] = this.#held;
    const delayMs = this.delayMs();
    if (!next || delayMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#held.shift();
        this.to.write(next.chunk);
        this.pass();
      },
      next.cameAt + delayMs - performance.now(),
    );
  }
}
