/** The GET streams: they tell clients of changes, or give what a lost stream still had to say. They hold no engine. */
import { RefusedRequest } from '../../refusal.js';
import type {
  Change,
  ChangeBus,
  EventLog,
  EventStream,
  SessionRecord,
  SessionStore,
} from '../../stores/types.js';
import type { ResponseWriter } from '../exchange/response-writer.js';
import type { LiveSessions, LiveStream } from './live-sessions.js';
import { readInto } from './output.js';

export interface GetStreamsOptions {
  readonly sessions: SessionStore;
  readonly changes: ChangeBus;
  readonly events: EventLog;
  readonly live: LiveSessions;
  readonly maxStreamsPerCaller: number;
  readonly onError: (error: unknown) => void;
}

export interface GetStreams {
  /**
   * Begins a stream of changes, or resumes the one in which `lastEventId` was seen.
   * @throws {RefusedRequest} `too_many_streams`; `malformed_message`, alike for unknown, foreign and forgotten ids
   */
  open(session: SessionRecord, writer: ResponseWriter, lastEventId: string | undefined): Promise<void>;
  /** Counts an open stream for its owner until the response is over. @throws {RefusedRequest} `too_many_streams` */
  take(owner: string, writer: ResponseWriter): void;
  /** Forgets the streams of a session whose clients did not come back. */
  sweep(sessionId: string): void;
  count(): number;
  /** Ends every stream, and listens no more. */
  close(): void;
}

export function createGetStreams(options: GetStreamsOptions): GetStreams {
  const { live, events, onError } = options;
  const owners = new Map<ResponseWriter, string>();
  const writers = new Set<ResponseWriter>();
  let closed = false;
  const unsubscribe = options.changes.subscribe((change) => {
    for (const id of live.ids()) deliver(change, id, options).catch(onError);
  });

  const take = (owner: string, writer: ResponseWriter) => {
    if (closed) throw new RefusedRequest('overloaded', { headers: { 'Retry-After': '1' } });
    if ([...owners.values()].filter((other) => other === owner).length >= options.maxStreamsPerCaller) {
      throw new RefusedRequest('too_many_streams', { headers: { 'Retry-After': '60' } });
    }
    owners.set(writer, owner);
    writer.onClose(() => owners.delete(writer));
  };

  /** Makes a stream the newest of its session. */
  const register = (session: SessionRecord, stream: EventStream, writer: ResponseWriter) => {
    const { streams } = live.findOrAdd(session.id);
    const entry: LiveStream = {
      send: (message) => void stream.append(JSON.stringify(message)).catch(onError),
      end: () => {
        streams.delete(stream.id);
        live.release(session.id);
        stream.drop().catch(onError);
      },
    };
    streams.delete(stream.id);
    streams.set(stream.id, entry);
    writer.onClose(() => {
      entry.leftAt = performance.now();
    });
  };

  return {
    open: async (session, writer, lastEventId) => {
      take(session.owner, writer);
      const reader = readInto(writer, session);
      const stream = await (lastEventId === undefined
        ? events.begin(session, 'changes', reader)
        : events.resume(session, lastEventId, reader));
      if (!stream) throw new RefusedRequest('malformed_message', { message: UNKNOWN_EVENT });
      if (stream.kind === 'changes') register(session, stream, writer);
      writers.add(writer);
      writer.open();
      writer.onClose(() => {
        writers.delete(writer);
        stream.stop();
      });
      if (closed) writer.end();
    },

    take,

    sweep: (sessionId) => {
      const since = performance.now() - events.retainMs;
      for (const stream of live.find(sessionId)?.streams.values() ?? [])
        if (stream.leftAt !== undefined && stream.leftAt <= since) stream.end();
    },

    count: () => owners.size,

    close: () => {
      closed = true;
      unsubscribe();
      for (const writer of writers) writer.end();
    },
  };
}

const UNKNOWN_EVENT = 'Unknown Last-Event-ID, or its stream is no longer kept: open a new stream without it';

/** Each message goes to one stream of the session (MCP 2025-11-25, transports, multiple connections): the newest. */
async function deliver(change: Change, id: string, { sessions, live }: GetStreamsOptions): Promise<void> {
  const streams = live.find(id)?.streams;
  if (!streams?.size) return;
  if (change.kind === 'resource') {
    const session = await sessions.get(id);
    if (!session?.subscriptions.includes(change.uri)) return;
  }
  const all = [...streams.values()];
  (all.findLast(({ leftAt }) => leftAt === undefined) ?? all.at(-1))?.send(notificationOf(change));
}

function notificationOf(change: Change): object {
  if (change.kind !== 'resource')
    return { jsonrpc: '2.0', method: `notifications/${change.kind}/list_changed` };
  return { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: change.uri } };
}
