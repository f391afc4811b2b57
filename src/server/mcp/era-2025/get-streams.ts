/** The GET streams: they tell clients of changes, or give what a lost stream still had to say. They hold no engine. */
import { RefusedRequest } from '../../refusal.js';
import type { Request } from 'express';
import type { Change, EventStream, SessionRecord, Stores } from '../../stores/types.js';
import { type Challenge, requireScopes } from '../calls/authorize.js';
import type { Catalog } from '../definitions/catalog.js';
import type { ResponseWriter } from '../exchange/response-writer.js';
import { changeNotification } from '../calls/notifications.js';
import type { LiveSessions, LiveStream } from './live-sessions.js';
import { readInto } from './output.js';

export interface GetStreamsOptions extends Pick<Stores, 'sessions' | 'changes' | 'events' | 'places'> {
  readonly live: LiveSessions;
  readonly catalog: Catalog;
  readonly challenge: Challenge;
  readonly maxStreamsPerCaller: number;
  readonly onError: (error: unknown) => void;
}

export type GetStreams = ReturnType<typeof createGetStreams>;

export function createGetStreams(options: GetStreamsOptions) {
  const { live, events, onError } = options;
  let open = 0;
  const writers = new Set<ResponseWriter>();
  let closed = false;
  const inTurn = (id: string, tell: () => Promise<void>) => {
    const session = live.find(id);
    if (!session?.streams.size) return;
    session.lastTold = session.lastTold
      .then(() => (session.isBehind ? catchUp(id, '0-0') : tell()))
      .then(
        () => (session.isBehind = false),
        (error: unknown) => {
          session.isBehind = true;
          onError(error);
        },
      );
  };
  const unsubscribe = options.changes.subscribe((change, position) => {
    for (const id of live.ids()) inTurn(id, () => deliver(change, position, id, options));
  });
  /** What was published while no replica held a stream of the session. */
  const catchUp = async (id: string, end: string) => {
    const told = await events.toldUpTo(id, end);
    for (const { change, position } of await options.changes.since(told)) {
      await deliver(change, position, id, options);
    }
  };

  /** Counts an open stream for its owner until the response is over. @throws {RefusedRequest} `too_many_streams` */
  const take = async (owner: string, writer: ResponseWriter) => {
    if (closed) throw new RefusedRequest('overloaded', { headers: { 'Retry-After': '1' } });
    const giveBack = await options.places.take(owner, options.maxStreamsPerCaller);
    if (!giveBack) throw new RefusedRequest('too_many_streams', { headers: { 'Retry-After': '5' } });
    open++;
    writer.onClose(() => {
      open--;
      giveBack();
    });
  };

  /** Makes a stream the newest of its session. */
  const register = (session: SessionRecord, stream: EventStream, writer: ResponseWriter) => {
    const { streams } = live.findOrAdd(session.id);
    const entry: LiveStream = {
      send: (message, position, needed) => events.tell(session.id, position, JSON.stringify(message), needed),
      end: () => {
        streams.delete(stream.id);
        live.release(session.id);
        writer.end(); // the log keeps the stream: its client may be reading it elsewhere
      },
    };
    streams.delete(stream.id);
    streams.set(stream.id, entry);
    writer.onClose(() => {
      entry.leftAt = performance.now();
    });
  };

  return {
    /**
     * Begins a stream of changes, or resumes the one in which `lastEventId` was seen.
     * @throws {RefusedRequest} `too_many_streams`; `malformed_message`, alike for unknown, foreign and forgotten ids;
     * `insufficient_scope` for a token that lost a right of the call, or of the stream of changes
     */
    open: async (req: Request, session: SessionRecord, writer: ResponseWriter) => {
      const lastEventId = req.get('last-event-id');
      await take(session.owner, writer);
      if (lastEventId !== undefined) {
        const needed = await events.scopesOf(session, lastEventId);
        requireScopes(req, needed ?? [], options.challenge);
      }
      const scopes = options.catalog.scopes.filter((scope) => req.caller.scopes.includes(scope));
      const reader = readInto(writer, session);
      const end = await options.changes.end();
      const stream = await (lastEventId === undefined
        ? events.begin({ ...session, scopes }, 'changes', reader)
        : events.resume(session, lastEventId, reader));
      if (!stream) throw new RefusedRequest('malformed_message', { message: UNKNOWN_EVENT });
      if (stream.kind === 'changes') {
        register(session, stream, writer);
        inTurn(session.id, () => catchUp(session.id, end));
      }
      writers.add(writer);
      writer.open();
      writer.onClose(() => {
        writers.delete(writer);
        stream.stop();
      });
      if (closed) writer.end();
    },

    take,

    /** Forgets the streams of a session whose clients did not come back. */
    sweep: (sessionId: string) => {
      if (live.find(sessionId)?.isBehind) inTurn(sessionId, () => Promise.resolve());
      const since = performance.now() - events.retainMs;
      for (const stream of live.find(sessionId)?.streams.values() ?? [])
        if (stream.leftAt !== undefined && stream.leftAt <= since) stream.end();
    },

    count: () => open,

    /** Ends every stream, and listens no more. */
    close: () => {
      closed = true;
      unsubscribe();
      for (const writer of writers) writer.end();
    },
  };
}

const UNKNOWN_EVENT = 'Unknown Last-Event-ID, or its stream is no longer kept: open a new stream without it';

/** Each message goes to one stream of the session (MCP 2025-11-25, transports, multiple connections): the newest. */
async function deliver(
  change: Change,
  position: string,
  id: string,
  { sessions, live, catalog }: GetStreamsOptions,
): Promise<void> {
  const streams = live.find(id)?.streams;
  if (!streams?.size) return;
  let needed: readonly string[] = [];
  if (change.kind === 'resource') {
    const session = await sessions.peek(id);
    if (!session?.subscriptions.includes(change.uri)) return;
    needed = catalog.findResource(change.uri)?.resource.scopes ?? [];
  }
  const all = [...streams.values()];
  const newest = all.findLast(({ leftAt }) => leftAt === undefined) ?? all.at(-1);
  await newest?.send({ jsonrpc: '2.0', ...changeNotification(change) }, position, needed);
}
