/** The GET streams: they tell clients of changes. A stream holds no engine, only its response. */
import { RefusedRequest } from '../../refusal.js';
import type { Change, ChangeBus, SessionRecord, SessionStore } from '../../stores/types.js';
import type { ResponseWriter } from '../exchange/response-writer.js';
import type { LiveSessions, LiveStream } from './live-sessions.js';

export interface ChangeStreamsOptions {
  readonly sessions: SessionStore;
  readonly changes: ChangeBus;
  readonly live: LiveSessions;
  readonly maxPerCaller: number;
  readonly onError: (error: unknown) => void;
}

export interface ChangeStreams {
  /** @throws {RefusedRequest} `too_many_streams` */
  open(session: SessionRecord, writer: ResponseWriter): void;
  count(): number;
  /** Ends every stream, and listens no more. */
  close(): void;
}

export function createChangeStreams(options: ChangeStreamsOptions): ChangeStreams {
  const { live, maxPerCaller } = options;
  const open = new Map<LiveStream, SessionRecord>();
  let closed = false;
  const unsubscribe = options.changes.subscribe((change) => {
    for (const id of new Set([...open.values()].map((session) => session.id))) {
      deliver(change, id, options).catch(options.onError);
    }
  });

  return {
    open: (session, writer) => {
      if (closed) throw new RefusedRequest('overloaded', { headers: { 'Retry-After': '1' } });
      const ofCaller = [...open.values()].filter(({ owner }) => owner === session.owner).length;
      if (ofCaller >= maxPerCaller) {
        throw new RefusedRequest('too_many_streams', { headers: { 'Retry-After': '60' } });
      }
      const { streams } = live.findOrAdd(session.id);
      const forget = () => {
        open.delete(stream);
        streams.delete(stream);
        live.release(session.id);
      };
      const end = () => {
        forget();
        writer.end();
      };
      const stream: LiveStream = { send: (message) => writer.send(message), end };
      open.set(stream, session);
      streams.add(stream);
      writer.onDisconnect(forget);
      writer.open();
    },

    count: () => open.size,

    close: () => {
      closed = true;
      unsubscribe();
      for (const stream of open.keys()) stream.end();
    },
  };
}

/** Each message goes to one stream of the session (MCP 2025-11-25, transports, multiple connections): the newest. */
async function deliver(change: Change, id: string, { sessions, live }: ChangeStreamsOptions): Promise<void> {
  if (change.kind === 'resource') {
    const session = await sessions.get(id);
    if (!session?.subscriptions.includes(change.uri)) return;
  }
  const newest = [...(live.find(id)?.streams ?? [])].at(-1);
  newest?.send(notificationOf(change));
}

function notificationOf(change: Change): object {
  if (change.kind !== 'resource')
    return { jsonrpc: '2.0', method: `notifications/${change.kind}/list_changed` };
  return { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: change.uri } };
}
