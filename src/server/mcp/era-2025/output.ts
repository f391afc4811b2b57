/** Where the messages of a call go: a JSON body, or a stream that its client can resume. */
import type { EventLog, EventReader, EventStream, LoggedEvent } from '../../stores/event-log.js';
import type { SessionRecord } from '../../stores/types.js';
import { type Call, INTERNAL_ERROR } from '../calls/call.js';
import type { Sent } from '../definitions/tool.js';
import type { ResponseWriter } from '../exchange/response-writer.js';

const ABANDON_RETRY_MS = 250;
/** How many full buffers of messages may wait for the log: a tool is not forced to wait for room. */
const MAX_UNLOGGED_BUFFERS = 8;

export interface Output {
  send(message: object): Sent;
  /** Sends the answer; nothing is sent after it. */
  answer(message: object): void;
  /** Ends without an answer. */
  end(): void;
  /** Whether nobody can read any more of it. */
  readonly closed: boolean;
  /** Where the transport acts once the audit record is written. */
  readonly audit?: Call['audit'];
}

export interface LoggedOutputOptions {
  readonly writer: ResponseWriter;
  readonly session: SessionRecord;
  /** The scopes that the call needs, and whoever resumes its stream. */
  readonly scopes: readonly string[];
  readonly events: EventLog;
  /** JSON-RPC id of the call. */
  readonly id: string | number;
  readonly maxBufferBytes: number;
  readonly onError: (error: unknown) => void;
}

/**
 * The log keeps the stream and the response only reads it, so that the client may leave and come back. After a failure of
 * the log the response is written directly and the log forgets the stream: a client that came back would read messages
 * twice. A JSON answer is not kept: its client has no event id to ask for it with.
 */
export function createLoggedOutput({
  writer,
  session,
  scopes,
  events,
  id,
  maxBufferBytes,
  onError,
}: LoggedOutputOptions): Output {
  let stream: Promise<EventStream> | undefined;
  let hasLogFailed = false;
  /** What the response has not read from the log yet. */
  const unread: { readonly write: () => void; readonly chars: number }[] = [];
  let unreadChars = 0;
  let unloggedChars = 0;
  const begin = async () => {
    writer.open();
    const reader = readInto(writer, session);
    const onEvent = (event: LoggedEvent) => {
      if (hasLogFailed) return; // it was written without the log
      reader.onEvent(event);
      if (event.data !== '') unreadChars -= unread.shift()?.chars ?? 0;
    };
    const begun = await events.begin({ ...session, scopes }, { ...reader, onEvent }, lastWords(id));
    writer.onClose(() => {
      begun.stop();
      unread.length = 0;
      unreadChars = 0;
    });
    return begun;
  };
  const fail = (begun: Promise<EventStream>, error: unknown) => {
    onError(error);
    if (hasLogFailed) return;
    hasLogFailed = true;
    void begun.then(abandon, () => {});
    for (const { write } of unread.splice(0)) write();
  };
  const put = (message: object, isAnswer: boolean): Sent => {
    const begun = (stream ??= begin());
    const write = () => (isAnswer ? writer.answer(message) : writer.send(message));
    if (hasLogFailed) {
      write();
      return writer.room();
    }
    const data = JSON.stringify(message);
    const chars = data.length;
    if (!writer.closed) {
      unread.push({ write, chars });
      unreadChars += chars;
    }
    unloggedChars += chars;
    const logged = begun
      .then(async (log) => {
        if (!hasLogFailed) await (isAnswer ? log.end(data) : log.append(data));
      })
      .catch((error: unknown) => {
        if (writer.closed && !isAnswer)
          onError(error); // the client has left, and finds the rest in the log
        else fail(begun, error);
      })
      .then(() => {
        unloggedChars -= chars;
        return writer.room();
      });
    if (Math.max(unloggedChars, unreadChars) > MAX_UNLOGGED_BUFFERS * maxBufferBytes)
      fail(begun, new Error('a tool sends more than its log takes and gives back'));
    return logged;
  };

  return {
    send: (message) => {
      if (stream || !writer.closed) return put(message, false);
    },
    answer: (message) => {
      if (stream) void put(message, true);
      else writer.answer(message);
    },
    end: () => {
      if (stream)
        void stream
          .then((log) => log.drop())
          .finally(() => writer.end())
          .catch(onError);
      else endEmpty(writer);
    },
    get closed() {
      return !stream && writer.closed;
    },
  };
}

/** The response stops reading, and the log forgets the stream as soon as it can. */
function abandon(stream: EventStream): void {
  stream.stop();
  stream.drop().catch(() => setTimeout(abandon, ABANDON_RETRY_MS, stream).unref());
}

/** The answer that a client reads when the process that ran its call has died. */
function lastWords(id: string | number): string {
  const message = 'The call was lost: the process that ran it has ended. It may be tried again.';
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message } });
}

/** The first revision with events that have no data; older clients take one for a broken message. */
const PRIMED_SINCE = '2025-11-25';

/** Copies events from the log to a response, for a live stream and a resumed one alike. */
export function readInto(writer: ResponseWriter, { protocolVersion }: SessionRecord): EventReader {
  return {
    onEvent: (event) => {
      if (event.data !== '' || protocolVersion >= PRIMED_SINCE) writer.event(event);
    },
    onEnd: () => endEmpty(writer),
  };
}

/** Opens the stream even when nothing was sent: the client gets the end of an event stream. */
function endEmpty(writer: ResponseWriter): void {
  writer.open();
  writer.end();
}
