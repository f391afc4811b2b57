/** Where the messages of a call go: a JSON body, or a stream that its client can read on elsewhere. */
import type { EventLog, EventReader, EventStream, LoggedEvent, SessionRecord } from '../../stores/types.js';
import { type Call, INTERNAL_ERROR } from '../calls/call.js';
import type { Sent } from '../definitions/tool.js';
import type { ResponseWriter } from '../exchange/response-writer.js';

const ABANDON_RETRY_MS = 250;
/** Buffers full of messages that may wait for the log: a tool need not wait for room. */
const MAX_UNLOGGED_BUFFERS = 8;

export interface Output {
  send(message: object): Sent;
  /** Sends the answer; nothing is sent after it. */
  answer(message: object): void;
  /** Ends without an answer. */
  end(): void;
  /** Whether nobody can read it any more. */
  readonly closed: boolean;
  /** The audit of the call, where the transport has something to do once it is written. */
  readonly audit?: Call['audit'];
}

export interface LoggedOutputOptions {
  readonly writer: ResponseWriter;
  readonly session: SessionRecord;
  /** What the call needs, and so whoever reads on in its stream. */
  readonly scopes: readonly string[];
  readonly events: EventLog;
  /** JSON-RPC id of the call. */
  readonly id: string | number;
  readonly maxBufferBytes: number;
  readonly onError: (error: unknown) => void;
}

/**
 * The log keeps the stream, and the response only reads it: so its client may go and come back. Once the log has failed
 * the rest goes to the response alone and the log forgets the stream: a client that came back would read messages twice. A JSON answer is not kept: its client would have no id to ask for it with.
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
  /** What the response has not got from the log yet. */
  const unread: (() => void)[] = [];
  let unloggedChars = 0;
  const begin = async () => {
    writer.open();
    const reader = readInto(writer, session);
    const onEvent = (event: LoggedEvent) => {
      if (hasLogFailed) return; // what waited has been written without the log
      reader.onEvent(event);
      if (event.data !== '') unread.shift();
    };
    const begun = await events.begin({ ...session, scopes }, { ...reader, onEvent }, lastWords(id));
    writer.onClose(() => begun.stop());
    return begun;
  };
  const fail = (begun: Promise<EventStream>, error: unknown) => {
    onError(error);
    if (hasLogFailed) return;
    hasLogFailed = true;
    void begun.then(abandon, () => {});
    for (const write of unread.splice(0)) write();
  };
  const put = (message: object, isAnswer: boolean): Sent => {
    const begun = (stream ??= begin());
    const write = () => (isAnswer ? writer.answer(message) : writer.send(message));
    if (hasLogFailed) {
      write();
      return writer.room();
    }
    const data = JSON.stringify(message);
    if (!writer.closed) unread.push(write);
    unloggedChars += data.length;
    const logged = begun
      .then(async (log) => {
        if (!hasLogFailed) await (isAnswer ? log.end(data) : log.append(data));
      })
      .catch((error: unknown) => {
        if (writer.closed && !isAnswer)
          onError(error); // its client is away, and finds the rest in the log
        else fail(begun, error);
      })
      .then(() => {
        unloggedChars -= data.length;
        return writer.room();
      });
    if (unloggedChars > MAX_UNLOGGED_BUFFERS * maxBufferBytes)
      fail(begun, new Error('a tool sends more than its log takes'));
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

/** What a client that comes back reads when the process that ran its call is no more. */
function lastWords(id: string | number): string {
  const message = 'The call was lost: the process that ran it has ended. It may be tried again.';
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message } });
}

/** The first revision that knows an event without data; older clients take it for a broken message. */
const PRIMED_SINCE = '2025-11-25';

/** Passes what a log keeps on to a response: the same for a stream that is live and for one that is resumed. */
export function readInto(writer: ResponseWriter, { protocolVersion }: SessionRecord): EventReader {
  return {
    onEvent: (event) => {
      if (event.data !== '' || protocolVersion >= PRIMED_SINCE) writer.event(event);
    },
    onEnd: () => endEmpty(writer),
  };
}

/** Also where nothing was sent, the client asked for a stream and gets the end of one. */
function endEmpty(writer: ResponseWriter): void {
  writer.open();
  writer.end();
}
