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
}

export interface ResponseWriter {
  /** Opens the event stream, if it is not open. */
  open(): void;
  /** Sends a message that is not the answer. */
  send(message: object): void;
  /** Sends the answer and ends. `status` counts only while nothing was streamed. Later calls do nothing. */
  answer(message: object, status?: number): void;
  /** Ends a stream without an answer. */
  end(): void;
  /** Whether the response is over: answered, ended, or the client gone. */
  readonly closed: boolean;
  /** Calls back once, if the client goes away before the end. */
  onDisconnect(listener: () => void): void;
}

export function createResponseWriter(res: Response, options: ResponseWriterOptions): ResponseWriter {
  const { audit, keepAlive, maxBufferBytes } = options;
  let streaming = false;
  const isGone = () => res.req.socket.destroyed; // known even where a pipelined response has no socket yet
  let closed = isGone();
  const ping = () => write(': keep-alive\n\n');

  const close = () => {
    closed = true;
    keepAlive.remove(ping);
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
    keepAlive.add(ping);
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

  const answer = (message: object, status = 200) => {
    if (closed) return;
    if (streaming) {
      write(frame(message));
      end();
      return;
    }
    close();
    const body = JSON.stringify(message);
    res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    res.end(body);
  };

  const end = () => {
    if (closed) return;
    close();
    res.end();
  };

  res.once('close', close);

  return {
    open,
    send: (message) => {
      open();
      write(frame(message));
    },
    answer,
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
  };
}

function frame(message: object): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
