/** A keep-alive client on bare sockets: Node's own would cost more than the servers that it is to measure. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exchange } from './requests.js';

export interface Load {
  readonly port: number;
  /** One connection each, with one request at a time. */
  readonly exchanges: readonly Exchange[];
  /** Ends at the first of the two. */
  readonly maxMs: number;
  readonly maxRequests?: number;
}

export interface Driven {
  readonly requests: number;
  readonly seconds: number;
}

/** @throws when an answer is not the one that was asked for: what fails fast must not pass for fast */
export async function drive({ port, exchanges, maxMs, maxRequests = Infinity }: Load): Promise<Driven> {
  const connections = await Promise.all(exchanges.map(() => open(port)));
  const startedAt = performance.now();
  const isOver = () => requests >= maxRequests || performance.now() - startedAt >= maxMs;
  let requests = 0;
  const work = async (exchange: Exchange, socket: Socket) => {
    let answers = readAnswers(socket);
    while (!isOver()) {
      socket.write(exchange.request);
      const answer = await answers.next();
      if (await isPutOff(answer)) {
        socket = await open(port); // such an answer closes its connection
        connections.push(socket);
        answers = readAnswers(socket);
        continue;
      }
      requireAnswer(answer, exchange);
      requests += 1;
    }
  };
  try {
    await Promise.all(exchanges.map((exchange, index) => work(exchange, connections[index] as Socket)));
    return { requests, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    for (const socket of connections) socket.destroy();
  }
}

/** One exchange on a connection of its own; the whole response, head and body, as text. */
export async function send(port: number, exchange: Pick<Exchange, 'request'>): Promise<string> {
  const socket = await open(port);
  socket.write(exchange.request);
  const answer = await readAnswers(socket).next();
  socket.destroy();
  return (await isPutOff(answer)) ? send(port, exchange) : answer;
}

export async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** An overload guard refuses work while others take the machine: the time is lost, as it is for a client. */
async function isPutOff(answer: string): Promise<boolean> {
  const isOverloaded = answer.startsWith('HTTP/1.1 503');
  if (isOverloaded) await sleep(500);
  return isOverloaded;
}

function requireAnswer(answer: string, { expected }: Exchange): void {
  if (answer.startsWith('HTTP/1.1 200') && answer.includes(expected)) return;
  throw new Error(`not the answer that was asked for:\n${answer.slice(0, 600)}`);
}

/** The responses on a connection, one after the other. */
function readAnswers(socket: Socket): { next(): Promise<string> } {
  let received: Buffer[] = [];
  let missing = Infinity; // bytes, once the head says how long the body is
  let settle: { resolve: (answer: string) => void; reject: (error: Error) => void } | undefined;
  const finish = () => {
    const answer = Buffer.concat(received).toString('latin1');
    received = [];
    missing = Infinity;
    settle?.resolve(answer);
  };
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk);
    if (missing !== Infinity) {
      missing -= chunk.length;
    } else {
      const text = Buffer.concat(received).toString('latin1');
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd + 2)) ?? [];
      if (length !== undefined) missing = headEnd + 4 + Number(length) - text.length;
      else if (text.endsWith('\r\n0\r\n\r\n')) missing = 0; // chunked
    }
    if (missing <= 0) finish();
  });
  socket.on('error', (error) => settle?.reject(error));
  socket.on('close', () => settle?.reject(new Error('the connection was closed')));
  return {
    next: () =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
      }),
  };
}
