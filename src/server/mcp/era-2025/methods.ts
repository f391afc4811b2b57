/** The methods a session can call: the shared handlers, and those that change its record. */
import { RefusedRequest } from '../../refusal.js';
import type { SessionRecord, SessionStore } from '../../stores/types.js';
import { type Call, INVALID_PARAMS, type Params, RpcError } from '../calls/call.js';
import { MAX_SUBSCRIPTIONS, TOO_MANY_SUBSCRIPTIONS } from '../calls/notifications.js';
import type { Catalog } from '../definitions/catalog.js';
import type { Handlers } from '../calls/handlers.js';
import { type Introduction, isOffered } from '../definitions/server-info.js';
import type { LiveSession } from './live-sessions.js';

/** Whose request it is. */
export interface Within {
  readonly session: SessionRecord;
  readonly live: LiveSession;
}

export type Method = (params: Params, call: Call, within: Within) => unknown;

export interface MethodsOptions extends Introduction {
  readonly handlers: Handlers;
  readonly catalog: Pick<Catalog, 'findResource'>;
  readonly sessions: SessionStore;
}

/** Bounds on what one record may hold. */
const MAX_URI_LENGTH = 2048;

/** Only the methods that the advertised capabilities cover: the engine answers -32601 for the rest. */
export function createMethods(options: MethodsOptions): ReadonlyMap<string, Method> {
  const all: [string, Method][] = [
    ...Object.entries(options.handlers),
    ...Object.entries(recordMethods(options)),
  ];
  return new Map(all.filter(([method]) => isOffered(method, options.capabilities)));
}

function recordMethods({ catalog, sessions }: MethodsOptions): Record<string, Method> {
  const changeSubscriptions = async (
    { session, live }: Within,
    change: (uris: readonly string[]) => string[],
  ) => {
    const update = live.lastUpdate.then(async () => {
      const record = await sessions.peek(session.id);
      if (!record) throw new RefusedRequest('session_not_found');
      await sessions.update(session.id, { subscriptions: change(record.subscriptions) });
    });
    live.lastUpdate = update.catch(() => {});
    await update;
    return {};
  };

  return {
    'logging/setLevel': async ({ level }, _call, { session, live }) => {
      await sessions.update(session.id, { logLevel: String(level) });
      live.minLevel = String(level);
      return {};
    },

    'resources/subscribe': (params, _call, within) => {
      const uri = String(params['uri']);
      const isKnown = uri.length <= MAX_URI_LENGTH && catalog.findResource(uri) !== undefined;
      if (!isKnown) throw new RpcError(INVALID_PARAMS, 'Resource not found');
      return changeSubscriptions(within, (uris) => {
        const changed = new Set(uris).add(uri);
        if (changed.size > MAX_SUBSCRIPTIONS) throw new RpcError(INVALID_PARAMS, TOO_MANY_SUBSCRIPTIONS);
        return [...changed];
      });
    },

    'resources/unsubscribe': ({ uri }, _call, within) =>
      changeSubscriptions(within, (uris) => uris.filter((one) => one !== uri)),
  };
}
