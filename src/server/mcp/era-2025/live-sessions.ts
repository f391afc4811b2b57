/** What each session has open in this process. The session itself is a record in a store. */
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

export function createLiveSessions() {
  const sessions = new Map<string, LiveSession>();
  return {
    find: (id: string) => sessions.get(id),

    findOrAdd: (id: string): LiveSession => {
      const known = sessions.get(id);
      if (known) return known;
      const added: LiveSession = {
        calls: new Map(),
        asks: new Map(),
        streams: new Map(),
        minLevel: undefined,
        lastUpdate: Promise.resolve(),
      };
      sessions.set(id, added);
      return added;
    },

    /** Forgets a session that has nothing open. */
    release: (id: string): void => {
      const live = sessions.get(id);
      if (live && live.calls.size === 0 && live.streams.size === 0) sessions.delete(id);
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
