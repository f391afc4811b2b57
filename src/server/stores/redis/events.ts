import { randomBytes } from 'node:crypto';
import type { EventLog, EventReader, EventStream, NewStream, StreamOwner } from '../event-log.js';
import type { Heartbeat } from './heartbeat.js';
import { type Connection, PREFIX } from './connection.js';
import { APPEND, BEGIN, DROP, LOSE, RESUME, STOP, TAIL } from './events-scripts.js';

const EVENT_ID = /^(call-[\w-]{1,64})\.([1-9]\d{0,14})$/;

/** How often a reader looks for events whose messages were lost, and keeps its stream from expiring. */
const TAIL_INTERVAL_MS = 1000;

export interface RedisEventsOptions {
  readonly connection: Connection;
  readonly heartbeat: Heartbeat;
  /** How much one stream keeps; it keeps its newest event whatever its size. */
  readonly maxStreamChars: number;
  /** Milliseconds after which a stream is forgotten that nobody reads and nothing is added to. */
  readonly retainMs: number;
}

/** Streams that every replica can read on; `events-scripts.ts` has what Redis keeps of them. */
export function redisEvents(options: RedisEventsOptions): EventLog {
  return new RedisEvents(options);
}

/** One reader in this process. */
interface Tail {
  readonly session: string;
  readonly stream: string;
  readonly reader: EventReader;
  /** Number of the last event delivered. */
  seen: number;
  catchingUp: boolean;
  /** Whether the process of the call seemed dead at the last look. */
  maybeLost: boolean;
}

/** Sent to the replica that holds the reader of a stream. */
type Message = { readonly tail: string } & (
  | { readonly n: number; readonly data: string; readonly over: boolean }
  | { readonly end: true }
);

class RedisEvents implements EventLog {
  /** Names this process, as the reader and as the writer of streams. */
  readonly #inbox: string;
  /** By token: what a stream's record names as its reader. */
  readonly #tails = new Map<string, Tail>();
  readonly #timer: NodeJS.Timeout;
  readonly #unsubscribe: () => void;

  constructor(private readonly options: RedisEventsOptions) {
    this.#inbox = options.heartbeat.inbox;
    this.#unsubscribe = options.connection.subscribe(this.#inbox, (message) => {
      this.#received(JSON.parse(message) as Message);
    }).stop;
    const interval = Math.min(TAIL_INTERVAL_MS, options.retainMs / 3);
    const catchUpAll = () => {
      for (const [token, tail] of this.#tails) void this.#catchUp(token, tail);
    };
    this.#timer = setInterval(catchUpAll, interval).unref();
  }

  async begin(session: NewStream, reader: EventReader, lastWords: string): Promise<EventStream> {
    const stream = `call-${randomBytes(16).toString('base64url')}`;
    const more = [lastWords, JSON.stringify(session.scopes)];
    const stop = await this.#read(BEGIN, session, stream, 0, reader, more);
    return {
      append: (data) => this.#append(session.id, stream, data, false),
      end: async (data) => void (await this.#append(session.id, stream, data, true)),
      drop: async () => void (await this.#run(DROP, session.id, stream, [])),
      stop: () => stop?.(),
    };
  }

  async scopesOf(session: StreamOwner, eventId: string): Promise<readonly string[] | undefined> {
    const [, id = ''] = EVENT_ID.exec(eventId) ?? [];
    const [, key] = keysOf(session.id, id);
    const [owner, scopes] = await this.options.connection.run((client) =>
      client.hmGet(key, ['owner', 'scopes']),
    );
    return owner === session.owner ? (JSON.parse(scopes ?? '[]') as string[]) : undefined;
  }

  async resume(session: StreamOwner, eventId: string, reader: EventReader) {
    const [, stream = '', seen = ''] = EVENT_ID.exec(eventId) ?? [];
    if (stream === '') return undefined;
    return this.#read(RESUME, session, stream, Number(seen), reader, [seen]);
  }

  async forget(sessionId: string): Promise<void> {
    await this.#run(DROP, sessionId, '', []);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#unsubscribe();
    [...this.#tails.keys()].forEach((token) => this.#endTail(token));
  }

  /**
   * Makes `reader` the one of a stream. Its tail is there before Redis names it: messages may come before the answer.
   * Returns the way to stop it; `undefined` when Redis has nothing to read.
   */
  async #read(
    script: string,
    { id: session, owner }: StreamOwner,
    stream: string,
    seen: number,
    reader: EventReader,
    more: readonly string[],
  ): Promise<(() => void) | undefined> {
    const token = randomBytes(12).toString('base64url');
    this.#tails.set(token, { session, stream, reader, seen, catchingUp: true, maybeLost: false });
    let answer: unknown = null;
    try {
      const args = [owner, `${this.#inbox} ${token}`, String(Date.now()), ...more];
      answer = await this.#run(script, session, stream, args);
    } finally {
      if (answer === null) this.#tails.delete(token);
    }
    if (answer === null) return undefined;
    this.#deliverRead(token, answer as Read);
    return () => this.#stop(token);
  }

  async #append(session: string, stream: string, data: string, isLast: boolean) {
    const args = [data, isLast ? '1' : '0', String(this.options.maxStreamChars), this.#inbox];
    const [n, reader] = (await this.#run(APPEND, session, stream, args)) as [number, string?];
    if (n === 0) return undefined;
    if (reader !== undefined) this.#deliver(reader, n, data, isLast);
    return `${stream}.${n}`;
  }

  #stop(token: string): void {
    const tail = this.#tails.get(token);
    if (!this.#tails.delete(token) || !tail) return;
    this.#run(STOP, tail.session, tail.stream, [`${this.#inbox} ${token}`]).catch(() => {}); // if it fails, the stream expires later
  }

  #received(message: Message): void {
    if ('end' in message) this.#endTail(message.tail);
    else this.#deliver(message.tail, message.n, message.data, message.over);
  }

  /** Delivers each event once and in order, whether it came by message, by reply or by reading. */
  #deliver(token: string, n: number, data: string, isLast: boolean): void {
    const tail = this.#tails.get(token);
    if (tail === undefined || n <= tail.seen) return;
    // The next event is delivered even during a read: the log may have dropped it by then.
    if (n > tail.seen + 1) return void this.#catchUp(token, tail);
    tail.seen = n;
    tail.reader.onEvent({ id: `${tail.stream}.${n}`, data });
    if (isLast) this.#endTail(token);
  }

  /** Reads events whose messages were lost, as they are when the connection is cut. */
  async #catchUp(token: string, tail: Tail): Promise<void> {
    if (tail.catchingUp) return;
    tail.catchingUp = true;
    try {
      const args = [`${this.#inbox} ${token}`, String(tail.seen)];
      const read = await this.#run(TAIL, tail.session, tail.stream, args);
      if (read === null) this.#endTail(token);
      else this.#deliverRead(token, read as Read);
    } catch {
      tail.catchingUp = false; // Redis is away: the next round asks again
    }
  }

  #deliverRead(token: string, [over, entries, writer]: Read): void {
    const tail = this.#tails.get(token);
    if (tail === undefined) return;
    tail.catchingUp = false;
    if (entries[0] && Number.parseInt(entries[0][0], 10) > tail.seen + 1) {
      return this.#endTail(token, new Error('the log keeps no more what was missed'));
    }
    for (const [id, [, data = '']] of entries) this.#deliver(token, Number.parseInt(id, 10), data, false);
    if (over === 1) this.#endTail(token);
    else if (writer !== this.#inbox) void this.#endIfLost(tail, writer).catch(() => {});
  }

  /** Ends the stream of a call whose process died. Two looks: after a pause of Redis every heartbeat has expired. */
  async #endIfLost(tail: Tail, writer: string): Promise<void> {
    const isDead = (await this.options.heartbeat.deadOf([writer])).length > 0;
    const isLost = isDead && tail.maybeLost;
    tail.maybeLost = isDead;
    if (isLost) await this.#run(LOSE, tail.session, tail.stream, []);
  }

  #endTail(token: string, error?: Error): void {
    const tail = this.#tails.get(token);
    this.#tails.delete(token);
    tail?.reader.onEnd(error);
  }

  #run(script: string, session: string, stream: string, args: readonly string[]): Promise<unknown> {
    const call = {
      keys: keysOf(session, stream),
      arguments: [stream, String(this.options.retainMs), ...args],
    };
    return this.options.connection.run((client) => client.eval(script, call));
  }
}

/** Whether the stream is over, its events as `XRANGE` answers them, and who runs its call. */
type Read = readonly [
  over: number,
  entries: readonly (readonly [id: string, fields: readonly string[]])[],
  /** Inbox of the process that runs the call. */
  writer: string,
];

/** The set of a session's streams, and the hash of one. */
function keysOf(session: string, stream: string): [string, string] {
  return [`${PREFIX}streams:{${session}}`, `${PREFIX}stream:{${session}}:${stream}`];
}
