/** What each session has open in this process. The session itself is a record in a store. */
import type { SessionRecord } from '../../stores/types.js';
import type { Cancellation } from '../calls/call.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { ResponseWriter } from '../exchange/response-writer.js';

export interface LiveSession {
  /** Requests in flight by JSON-RPC id; aborting one cancels it. */
  readonly calls: Map<string | number, Cancellation>;
  /** Questions that wait for the client, by the id we gave them. */
  readonly asks: Map<string, Question>;
  /** Open streams of changes by name. */
  readonly streams: Map<string, LiveStream>;
  /** The level set by `logging/setLevel`; here it also applies to calls that already run. */
  minLevel: string | undefined;
  /** The last update of the record: updates wait for each other, so that none overwrites another. */
  lastUpdate: Promise<unknown>;
  /** As it was at the last look; only while it is followed (`followed-sessions.ts`). */
  record: Pick<SessionRecord, 'subscriptions' | 'changesTo'> | undefined;
  /** Calls and streams that use it. */
  users: number;
}

/** A question of a call; its answer needs the scopes of the call. */
export interface Question {
  readonly scopes: readonly string[];
  settle(answer: JsonRpcMessage): void;
}

export interface LiveStream {
  /** Of the caller who opened it. */
  readonly scopes: readonly string[];
  readonly writer: Pick<ResponseWriter, 'send' | 'end'>;
}

export type LiveSessions = ReturnType<typeof createLiveSessions>;

/** @param onRelease called when a session has nothing open any more */
export function createLiveSessions(onRelease: (id: string) => void = () => {}) {
  const sessions = new Map<string, LiveSession>();
  return {
    find: (id: string) => sessions.get(id),

    /** For a call or a stream, which releases it. */
    enter: (id: string): LiveSession => {
      const live = sessions.get(id) ?? {
        calls: new Map(),
        asks: new Map(),
        streams: new Map(),
        minLevel: undefined,
        lastUpdate: Promise.resolve(),
        record: undefined,
        users: 0,
      };
      sessions.set(id, live);
      live.users++;
      return live;
    },

    release: (id: string): void => {
      const live = sessions.get(id);
      if (!live || --live.users > 0) return;
      sessions.delete(id);
      onRelease(id);
    },

    /** Cancels the calls and ends the streams of a session. */
    end: (id: string): void => {
      const live = sessions.get(id);
      for (const call of live?.calls.values() ?? []) call.cancel();
      for (const stream of live?.streams.values() ?? []) stream.writer.end();
    },

    ids: (): readonly string[] => [...sessions.keys()],
  };
}
