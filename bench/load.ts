/** A keep-alive client on bare sockets: Node's own would cost more than the servers that it is to measure. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAnswers } from './read-answers.js';
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
  const connections = await Promise.all(exchanges.map(() => connectTo(port)));
  const startedAt = performance.now();
  const isOver = () => requests >= maxRequests || performance.now() - startedAt >= maxMs;
  let requests = 0;
  const work = async (exchange: Exchange, connection: Connection) => {
    while (!isOver()) {
      await connection.ask(exchange);
      requests += 1;
    }
  };
  try {
    await Promise.all(exchanges.map((exchange, index) => work(exchange, connections[index] as Connection)));
    return { requests, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    for (const connection of connections) connection.close();
  }
}

/**
 * Requests at a fixed rate, however slow the answers are. Milliseconds of each from when it was due, not from when a
 * connection was free for it: a server that stalls delays all that had to wait meanwhile.
 */
export async function driveAtRate({ port, exchanges, maxMs }: Load, perSecond: number): Promise<number[]> {
  const connections = await Promise.all(exchanges.map(() => connectTo(port)));
  const startedAt = performance.now();
  const times: number[] = [];
  let next = 0;
  const work = async (exchange: Exchange, connection: Connection) => {
    for (;;) {
      const dueAt = startedAt + (1000 * next++) / perSecond;
      if (dueAt - startedAt >= maxMs) return;
      const early = dueAt - performance.now();
      if (early > 0) await sleep(early);
      await connection.ask(exchange);
      times.push(performance.now() - dueAt);
    }
  };
  try {
    await Promise.all(exchanges.map((exchange, index) => work(exchange, connections[index] as Connection)));
    return times;
  } finally {
    for (const connection of connections) connection.close();
  }
}

interface Connection {
  ask(exchange: Exchange): Promise<void>;
  close(): void;
}

async function connectTo(port: number): Promise<Connection> {
  let socket = await open(port);
  let answers = readAnswers(socket);
  return {
    ask: async (exchange) => {
      for (;;) {
        socket.write(exchange.request);
        const answer = await answers.next();
        if (!(await isPutOff(answer))) return requireAnswer(answer, exchange);
        socket = await open(port); // such an answer closes its connection
        answers = readAnswers(socket);
      }
    },
    close: () => socket.destroy(),
  };
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
