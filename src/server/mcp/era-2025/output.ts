/** Where the messages of a call go: a JSON body, or a stream that its client can read on elsewhere. */
import type { EventLog, EventReader, EventStream, SessionRecord } from '../../stores/types.js';
import { type Call, INTERNAL_ERROR } from '../calls/call.js';
import type { ResponseWriter } from '../exchange/response-writer.js';

export interface Output {
  send(message: object): void;
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
  readonly events: EventLog;
  /** JSON-RPC id of the call. */
  readonly id: string | number;
  readonly onError: (error: unknown) => void;
}

/**
 * The log keeps the stream, and the response only reads it: so its client may go and come back. What the log cannot take
 * goes to the response as it is. A JSON answer is not kept: its client would have no id to ask for it with.
 */
export function createLoggedOutput({ writer, session, events, id, onError }: LoggedOutputOptions): Output {
  let stream: Promise<EventStream> | undefined;
  /** Once the log has failed the response no longer reads it: what it took unheard would come twice. */
  let isDirect = false;
  let last = Promise.resolve();
  const begin = async () => {
    writer.open();
    const begun = await events.begin(session, 'call', readInto(writer, session), lastWords(id));
    writer.onClose(() => begun.stop());
    return begun;
  };
  const put = (message: object, isAnswer: boolean) => {
    const begun = (stream ??= begin());
    const data = JSON.stringify(message);
    const isKept = begun
      .then(async (log) => void (await (isAnswer ? log.end(data) : log.append(data))))
      .catch((error: unknown) => {
        onError(error);
        isDirect = true;
        return begun.then((log) => log.stop()).catch(() => {});
      });
    // In their order, although one may fail while an earlier one still waits.
    last = Promise.all([last, isKept]).then(() => {
      if (!isDirect) return;
      if (isAnswer) writer.answer(message);
      else writer.send(message);
    });
  };

  return {
    send: (message) => {
      if (stream || !writer.closed) put(message, false);
    },
    answer: (message) => {
      if (stream) put(message, true);
      else writer.answer(message);
    },
    end: () => {
      if (stream) void Promise.allSettled([last, stream.then((log) => log.drop())]).then(() => writer.end());
      else endEmpty(writer);
    },
    get closed() {
      return !stream && writer.closed;
    },
  };
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
