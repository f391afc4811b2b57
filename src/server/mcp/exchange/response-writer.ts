/**
 * Writes the messages of one HTTP request straight to its response: a JSON body when the answer is the first message,
 * an event stream from the first other message on. At most one answer, and nothing after it.
 */
import type { Response } from 'express';
import { frame, type StreamEvent } from './event-frame.js';
import type { KeepAlive, KeptAlive } from './keep-alive.js';
import type { UnsentAnswers, UnsentPart } from './unsent-answers.js';

export interface ResponseWriterOptions {
  readonly keepAlive: KeepAlive;
  readonly unsent: UnsentAnswers;
  /** `STREAM_MAX_BUFFER_BYTES`: a reader that is further behind, and takes nothing for a while, is cut off. */
  readonly maxBufferBytes: number;
  /** That while, in milliseconds; up to twice as long where part of a write was taken. Default 10 s. */
  readonly stalledMs?: number;
}

export interface ResponseWriter {
  /** Opens the event stream, if it is not open. */
  open(): void;
  /** Sends a message that is not the answer. */
  send(message: object): void;
  /** Sends an event as it is; one without data only gives the client an id to come back with. */
  event(event: StreamEvent): void;
  /** Settles when the reader is not behind, or the response is over. */
  room(): Promise<void>;
  /**
   * Sends the answer and ends. `status` counts only while nothing was streamed. Later calls do nothing. In a stream an
   * answer for which there is no room becomes a JSON-RPC error; any other message then ends the stream.
   *
   * @throws {RefusedRequest} `overloaded` while nothing was streamed and there is no room
   */
  answer(message: object, status?: number): void;
  /** Sends an answer that is there in two pieces already, while nothing was streamed. */
  answerPrepared(start: Buffer, end: string): void;
  /** Ends a stream without an answer. */
  end(): void;
  /** Whether the response is over: answered, ended, or the client gone. */
  readonly closed: boolean;
  /** Calls back once, if the client goes away before the end. */
  onDisconnect(listener: () => void): void;
  /** Calls back once, when the response is over, however it ends. */
  onClose(listener: () => void): void;
}

const STALLED_MS = 10_000;
const ROOM = Promise.resolve();

export function createResponseWriter(res: Response, options: ResponseWriterOptions): ResponseWriter {
  return new NodeResponseWriter(res, options);
}

/** A class: each open stream keeps one of these, and a closure for each method would take more than all its data. */
class NodeResponseWriter implements ResponseWriter, KeptAlive {
  closed: boolean;
  #streaming = false;
  readonly #unsent: UnsentPart;
  /** While the reader is behind. */
  #behind: { readonly isOver: Promise<void>; readonly end: () => void } | undefined;
  #unwatchCredential: (() => void) | undefined;
  #listeners: readonly (() => void)[] = [];

  constructor(
    private readonly res: Response,
    private readonly options: ResponseWriterOptions,
  ) {
    this.closed = isGone(res);
    this.#unsent = options.unsent.part(res.req.caller);
    res.on('close', () => {
      this.#unsent.close();
      this.#close();
    });
  }

  get bufferedBytes(): number {
    return this.res.writableLength;
  }

  ping(): void {
    this.#write(': keep-alive\n\n');
  }

  open(): void {
    if (this.#streaming || this.closed) return;
    this.#streaming = true;
    const { req } = this.res;
    req.audit.streamOpen();
    this.res.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no', // nginx would hold the events back
    });
    this.res.flushHeaders(); // makes one text of their many pieces, which would take three times as much memory
    this.options.keepAlive.add(this);
    // A stream ends with its caller's credential.
    this.#unwatchCredential = req.watchCredential((standing) => {
      req.audit.note({ reason: 'credentials_invalid', detail: { credential: standing } });
      this.end();
    });
    Object.assign(req, { next: undefined, _parsedUrl: undefined }); // what Express keeps for the next layer: there is none
    this.#write(': open\n\n'); // proxies send the header on with the first byte of the body
  }

  send(message: object): void {
    this.event({ data: JSON.stringify(message) });
  }

  event(event: StreamEvent): void {
    this.open();
    this.#write(frame(event));
  }

  room(): Promise<void> {
    return this.#behind?.isOver ?? ROOM;
  }

  answer(message: object, status = 200): void {
    if (this.closed) return;
    const body = JSON.stringify(message);
    if (this.#streaming) {
      this.event({ data: this.#refusalOf(body.length) ?? body });
      return this.end();
    }
    this.#unsent.take(body.length);
    this.#close();
    this.#writeHead(status, Buffer.byteLength(body)).end(body);
  }

  answerPrepared(start: Buffer, end: string): void {
    if (this.closed) return;
    this.#close();
    const res = this.#writeHead(200, start.length + Buffer.byteLength(end));
    res.write(start);
    res.end(end);
  }

  end(): void {
    if (this.closed) return;
    this.#close();
    this.res.end();
  }

  onDisconnect(listener: () => void): void {
    const { res } = this;
    if (isGone(res)) return listener();
    res.once('close', () => {
      if (!res.writableFinished) listener();
    });
  }

  onClose(listener: () => void): void {
    if (this.closed) listener();
    else this.#listeners = this.#listeners.concat(listener); // as long as it must be, unlike after `push`
  }

  #writeHead(status: number, length: number): Response {
    return this.res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': length });
  }

  #write(text: string): void {
    const { res, options } = this;
    if (this.closed) return;
    if (this.#unsent.refusal(text.length)) return this.#cut('overloaded');
    const countUnsent = () => this.#unsent.set(res.writableLength);
    res.write(text, countUnsent);
    countUnsent();
    // Not yet a slow reader: its socket had no turn since the message was made.
    if (res.writableLength > options.maxBufferBytes) this.#watch();
  }

  /** The socket's clock runs until all is taken, and begins anew whenever some of it is. */
  #watch(): void {
    if (this.#behind) return;
    let resolve = () => {};
    const isOver = new Promise<void>((done) => (resolve = done));
    const unwatch = () => this.#unwatch();
    const cut = () => this.#cut('slow_reader');
    const { res } = this;
    const end = () => {
      res.off('drain', unwatch).off('timeout', cut).setTimeout(0);
      resolve();
    };
    this.#behind = { isOver, end };
    res.once('drain', unwatch).setTimeout(this.options.stalledMs ?? STALLED_MS, cut);
  }

  #unwatch(): void {
    this.#behind?.end();
    this.#behind = undefined;
  }

  /** A reader this far behind would fill the memory; its socket is the only thing left to end. */
  #cut(reason: string): void {
    this.res.req.audit.note({ reason, truncated: true });
    this.#close();
    this.res.destroy();
  }

  /** The error in place of an answer for which there is no room. */
  #refusalOf(size: number): string | undefined {
    const { audit, requestId, envelope } = this.res.req;
    const refusal = this.#unsent.refusal(size);
    if (!refusal) return undefined;
    audit.note(refusal.facts);
    return JSON.stringify(refusal.toBody(requestId, envelope.id));
  }

  #close(): void {
    this.closed = true;
    this.#unwatch();
    this.options.keepAlive.remove(this);
    this.#unwatchCredential?.();
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}

/** Known even where a pipelined response has no socket yet. */
function isGone({ req }: Response): boolean {
  return req.socket.destroyed;
}
