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
import type { LiveSessions, LiveStream } from './live-sessions.js';
import { readInto } from './output.js';

export interface GetStreamsOptions extends Pick<Stores, 'sessions' | 'changes' | 'events' | 'streamSlots'> {
  readonly live: LiveSessions;
  readonly catalog: Catalog;
  readonly capabilities: Capabilities;
  readonly challenge: Challenge;
  readonly maxStreamsPerCaller: number;
  readonly onError: (error: unknown) => void;
}

export type GetStreams = ReturnType<typeof createGetStreams>;

const UNKNOWN_EVENT = 'Unknown Last-Event-ID, or its stream is no longer kept: open a new stream without it';

export function createGetStreams(options: GetStreamsOptions) {
  const { live, events, sessions, changes } = options;
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
      giveBack();
    });
  };

  const deliverAll = (change?: Change) => {
    for (const id of live.ids()) deliver(id, change, options).catch(options.onError);
  };
  const stops = [changes.subscribe(deliverAll), changes.onMissed(() => deliverAll())];

  /** Makes this stream the one that its session is told of changes on. */
  const listen = async (req: Request, session: SessionRecord, writer: ResponseWriter) => {
    const name = nameFor(session.id, randomBytes(16).toString('base64url'));
    if (!(await sessions.update(session.id, { changesTo: name })))
      throw new RefusedRequest('session_not_found');
    const { scopes } = req.caller;
    const stream = { scopes, writer };
    const { streams } = live.findOrAdd(session.id);
    streams.set(name, stream);
    writer.onClose(() => {
      streams.delete(name);
      live.release(session.id);
    });
    readInto(writer, session).onEvent({ id: name, data: '' });
    const isBack = session.changesTo !== undefined;
    if (isBack) send(stream, session, undefined, options);
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
      writers.add(writer);
      writer.open();
      writer.onClose(() => writers.delete(writer));
      if (closed) writer.end();
    },

    take,

    count: () => open,

    /** Ends every stream and stops listening for changes. */
    close: () => {
      closed = true;
      for (const stop of stops) stop();
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

type Telling = Pick<GetStreamsOptions, 'live' | 'sessions' | 'capabilities' | 'catalog'>;

/**
 * Tells a session of a change, or of everything. Each message goes to one stream of the session (MCP 2025-11-25,
 * transports, multiple connections).
 */
async function deliver(id: string, change: Change | undefined, options: Telling): Promise<void> {
  const streams = [...(options.live.find(id)?.streams ?? [])]; // as they are now: one that opens while the record is read is not in that record
  if (streams.length === 0) return;
  const session = await options.sessions.peek(id);
  for (const [name, stream] of streams) {
    if (session === undefined || name !== (session.changesTo ?? name)) stream.writer.end();
    else send(stream, session, change, options);
  }
}

function send(stream: LiveStream, session: SessionRecord, change: Change | undefined, options: Telling) {
  const { capabilities, catalog } = options;
  const isHeard = (one: Change) => {
    if (one.kind !== 'resource') return one === change || capabilities[one.kind]?.['listChanged'] === true;
    const needed = catalog.findResource(one.uri)?.resource.scopes ?? [];
    return session.subscriptions.includes(one.uri) && needed.every((scope) => stream.scopes.includes(scope));
  };
  for (const one of (change ? [change] : allChanges(session.subscriptions)).filter(isHeard))
    stream.writer.send({ jsonrpc: '2.0', ...changeNotification(one) });
}
