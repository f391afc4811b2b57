/** What runs in this process for a session. The session itself is a record in a store; this is only what is open now. */
import type { Cancellation } from '../calls/call.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { ResponseWriter } from '../exchange/response-writer.js';

export interface LiveSession {
  /** Requests in flight by JSON-RPC id; aborting one cancels it. */
  readonly calls: Map<string | number, Cancellation>;
  /** Questions that wait for the client, by the id we gave them. */
  readonly asks: Map<string, Question>;
  /** Open streams for changes, by their names. */
  readonly streams: Map<string, LiveStream>;
  /** `logging/setLevel`, so that it also holds for calls already running. */
  minLevel: string | undefined;
  /** The last change of the record: changes wait for each other, so that none is lost. */
  lastUpdate: Promise<unknown>;
}

/** A question of a call: its answer needs what the call needs. */
export interface Question {
  readonly scopes: readonly string[];
  settle(answer: JsonRpcMessage): void;
}

export interface LiveStream {
  /** Of whoever opened it. */
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

    /** Forgets a session that has nothing open any more. */
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
