/**
 * The GET streams: each tells its client of changes, or resumes the stream of a call.
 *
 * - The newest stream of a session is told of changes. The session's record names it, so that all replicas agree.
 * - Nothing is kept of a stream of changes. A client that comes back may have missed some: it gets one notification for
 *   each list and each subscription.
 * - An older stream ends with the next change. A client that still reads it comes back and is told again.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Request } from 'express';
import { RefusedRequest } from '../../refusal.js';
import type { Change, SessionRecord, Stores } from '../../stores/types.js';
import { type Challenge, requireScopes } from '../calls/authorize.js';
import { allChanges, changeNotification } from '../calls/notifications.js';
import type { Catalog } from '../definitions/catalog.js';
import type { Capabilities } from '../definitions/server-info.js';
import type { ResponseWriter } from '../exchange/response-writer.js';
import type { FollowedSessions } from './followed-sessions.js';
import type { LiveSession, LiveSessions, LiveStream } from './live-sessions.js';
import { readInto } from './output.js';

export interface GetStreamsOptions extends Pick<Stores, 'sessions' | 'events' | 'streamSlots'> {
  readonly live: LiveSessions;
  readonly followed: Pick<FollowedSessions, 'hearChanges'>;
  readonly catalog: Catalog;
  readonly capabilities: Capabilities;
  readonly challenge: Challenge;
  readonly maxStreamsPerCaller: number;
}

export type GetStreams = ReturnType<typeof createGetStreams>;

const UNKNOWN_EVENT = 'Unknown Last-Event-ID, or its stream is no longer kept: open a new stream without it';

export function createGetStreams(options: GetStreamsOptions) {
  const { live, followed, events, sessions } = options;
  const writers = new Set<ResponseWriter>();
  let open = 0;
  let closed = false;

  /** Counts an open stream for its owner until the response is over. @throws {RefusedRequest} `too_many_streams` */
  const take = async (owner: string, writer: ResponseWriter) => {
    if (closed) throw new RefusedRequest('overloaded', { headers: { 'Retry-After': '1' } });
    const giveBack = await options.streamSlots.take(owner, options.maxStreamsPerCaller);
    if (!giveBack) throw new RefusedRequest('too_many_streams', { headers: { 'Retry-After': '5' } });
    open++;
    writer.onClose(() => {
      open--;
      writers.delete(writer);
      giveBack();
    });
  };

  /** Apart from what opens the stream: a listener keeps all that its function has in scope. */
  const leaveOnClose = (sessionId: string, name: string, writer: ResponseWriter) =>
    writer.onClose(() => {
      live.find(sessionId)?.streams.delete(name);
      live.release(sessionId);
    });

  /** Makes this stream the one that its session is told of changes on. */
  const listen = async (req: Request, session: SessionRecord, writer: ResponseWriter) => {
    const name = nameFor(session.id, randomBytes(16).toString('base64url'));
    if (!(await sessions.update(session.id, { changesTo: name })))
      throw new RefusedRequest('session_not_found');
    const { streams } = live.enter(session.id);
    leaveOnClose(session.id, name, writer);
    const record = await followed.hearChanges(session.id);
    if (!record) throw new RefusedRequest('session_not_found');
    const stream = { scopes: req.caller.scopes, writer };
    streams.set(name, stream);
    readInto(writer, session).onEvent({ id: name, data: '' });
    const isBack = session.changesTo !== undefined;
    if (isBack) send(stream, record, undefined, options);
  };

  /** Resumes the stream of a call. */
  const readOn = async (req: Request, session: SessionRecord, writer: ResponseWriter, eventId: string) => {
    requireScopes(req, (await events.scopesOf(session, eventId)) ?? [], options.challenge);
    const stop = await events.resume(session, eventId, readInto(writer, session));
    if (!stop) throw new RefusedRequest('malformed_message', { message: UNKNOWN_EVENT });
    writer.onClose(stop);
  };

  return {
    /**
     * Opens a stream of changes, or resumes the stream of a call in which `Last-Event-ID` was seen.
     * @throws {RefusedRequest} `too_many_streams`; `malformed_message`, alike for unknown, foreign and forgotten ids;
     * `insufficient_scope` for a token that lost a right of the call
     */
    open: async (req: Request, session: SessionRecord, writer: ResponseWriter) => {
      const eventId = req.get('last-event-id');
      await take(session.owner, writer);
      if (eventId === undefined || isNameFor(session.id, eventId)) await listen(req, session, writer);
      else await readOn(req, session, writer, eventId);
      writer.open();
      if (!writer.closed) writers.add(writer);
      if (closed) writer.end();
    },

    take,

    count: () => open,

    /** Ends every stream. */
    close: () => {
      closed = true;
      for (const writer of writers) writer.end();
    },
  };
}

/**
 * The name of a stream of changes; its first event has it as its id. The digest binds it to its session, so that it can be
 * recognised without being kept, and is unknown in every other session.
 */
function nameFor(sessionId: string, nonce: string): string {
  return `changes-${nonce}.${createHash('sha256').update(`${nonce} ${sessionId}`).digest('base64url')}`;
}

function isNameFor(sessionId: string, eventId: string): boolean {
  const [, nonce] = /^changes-([\w-]{22})\./.exec(eventId) ?? [];
  return nonce !== undefined && eventId === nameFor(sessionId, nonce);
}

type Telling = Pick<GetStreamsOptions, 'capabilities' | 'catalog'>;

/**
 * Tells a session of a change, or of everything. Each message goes to one stream of the session (MCP 2025-11-25,
 * transports, multiple connections).
 */
export function tellChange(
  { record, streams = new Map() }: Partial<LiveSession> = {},
  change: Change | undefined,
  options: Telling,
): void {
  if (!record) return;
  for (const [name, stream] of streams) {
    if (name !== (record.changesTo ?? name)) stream.writer.end();
    else send(stream, record, change, options);
  }
}

type Heard = NonNullable<LiveSession['record']>;

function send(stream: LiveStream, session: Heard, change: Change | undefined, options: Telling) {
  const { capabilities, catalog } = options;
  const isHeard = (one: Change) => {
    if (one.kind !== 'resource') return one === change || capabilities[one.kind]?.['listChanged'] === true;
    const needed = catalog.findResource(one.uri)?.resource.scopes ?? [];
    return session.subscriptions.includes(one.uri) && needed.every((scope) => stream.scopes.includes(scope));
  };
  for (const one of (change ? [change] : allChanges(session.subscriptions)).filter(isHeard))
    stream.writer.send({ jsonrpc: '2.0', ...changeNotification(one) });
}
