/**
 * Writes the messages of one HTTP request straight to its response: a JSON body when the answer is the first message,
 * an event stream from the first other message on. At most one answer, and nothing after it.
 */
import type { Response } from 'express';
import type { AuditTrail } from '../../observe/audit-record.js';
import type { KeepAlive } from './keep-alive.js';

export interface ResponseWriterOptions {
  readonly audit: AuditTrail;
  readonly keepAlive: KeepAlive;
  /** `STREAM_MAX_BUFFER_BYTES`: a reader that falls further behind is cut off. */
  readonly maxBufferBytes: number;
  /** Asked with each keep-alive, where the stream could outlive its caller's credential; then it ends. */
  readonly isStillAllowed?: () => Promise<boolean>;
}

export interface ResponseWriter {
  /** Opens the event stream, if it is not open. */
  open(): void;
  /** Sends a message that is not the answer. */
  send(message: object): void;
  /** Sends an event as it is; one without data only gives the client an id to come back with. */
  event(event: StreamEvent): void;
  /** Sends the answer and ends. `status` counts only while nothing was streamed. Later calls do nothing. */
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

export interface StreamEvent {
  /** `message` unless said otherwise. */
  readonly type?: string;
  readonly id?: string;
  readonly data: string;
}

/** Milliseconds that a client waits before it comes back for the rest of its stream. */
const RETRY_MS = 1000;

export function createResponseWriter(res: Response, options: ResponseWriterOptions): ResponseWriter {
  const { audit, keepAlive, maxBufferBytes } = options;
  let streaming = false;
  const isGone = () => res.req.socket.destroyed; // known even where a pipelined response has no socket yet
  let closed = isGone();
  const listeners: (() => void)[] = [];
  const ping = () => {
    write(': keep-alive\n\n');
    void options.isStillAllowed?.().then((isAllowed) => {
      if (isAllowed || closed) return;
      audit.note({ reason: 'credentials_invalid' });
      end();
    });
  };

  const close = () => {
    closed = true;
    keepAlive.remove(ping);
    for (const listener of listeners.splice(0)) listener();
  };

  const open = () => {
    if (streaming || closed) return;
    streaming = true;
    audit.streamOpen();
    res.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no', // nginx would hold the events back
    });
    keepAlive.add(ping, () => res.writableLength);
    write(': open\n\n'); // proxies send the header on with the first byte of the body
  };

  const write = (frame: string) => {
    if (closed) return;
    // Asked before writing: one large message is not yet a slow reader.
    if (res.writableLength <= maxBufferBytes) return void res.write(frame);
    // A reader this far behind would fill the memory; its socket is the only thing left to end.
    audit.note({ reason: 'slow_reader', truncated: true });
    close();
    res.destroy();
  };

  const event = (one: StreamEvent) => {
    open();
    write(frame(one));
  };

  const answer = (message: object, status = 200) => {
    if (closed) return;
    if (streaming) {
      event({ data: JSON.stringify(message) });
      end();
      return;
    }
    close();
    const body = JSON.stringify(message);
    res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    res.end(body);
  };

  const answerPrepared = (head: Buffer, tail: string) => {
    if (closed) return;
    close();
    const length = head.length + Buffer.byteLength(tail);
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': length });
    res.write(head);
    res.end(tail);
  };

  const end = () => {
    if (closed) return;
    close();
    res.end();
  };

  res.once('close', close);

  return {
    open,
    send: (message) => event({ data: JSON.stringify(message) }),
    event,
    answer,
    answerPrepared,
    end,
    get closed() {
      return closed;
    },
    onDisconnect: (listener) => {
      if (isGone()) return listener();
      res.once('close', () => {
        if (!res.writableFinished) listener();
      });
    },
    onClose: (listener) => {
      if (closed) listener();
      else listeners.push(listener);
    },
  };
}

/** `data` is JSON or a path: it has no line break of its own. */
function frame({ type = 'message', id, data }: StreamEvent): string {
  const kind = data === '' ? `retry: ${RETRY_MS}` : `event: ${type}`;
  return `${id === undefined ? '' : `id: ${id}\n`}${kind}\ndata: ${data}\n\n`;
}
