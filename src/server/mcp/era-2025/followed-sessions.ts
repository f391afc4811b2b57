/**
 * What other replicas do to the sessions that have something open here. A session is followed
 *
 * - for its record, once it has a stream or a call that takes longer than a moment: short calls cost nothing here
 * - for the replies of its client, while such a call runs, or one asks
 * - for the changes that its client subscribed to, while it has a stream of changes
 */
import type { Change, ClientReply, SessionRecord, Stores, Subscription } from '../../stores/types.js';
import { allChanges } from '../calls/notifications.js';
import type { LiveSessions } from './live-sessions.js';

/** How often calls are looked for that ran at the last look already. */
const LOOK_INTERVAL_MS = 500;

export interface FollowOptions extends Pick<Stores, 'sessions' | 'changes' | 'clientReplies'> {
  readonly live: LiveSessions;
  readonly onReply: (reply: ClientReply) => void;
  /** Called for a change that the session's client subscribed to; without one, when any may have been missed. */
  readonly onChange: (id: string, change?: Change) => void;
  readonly onError: (error: unknown) => void;
}

export type FollowedSessions = ReturnType<typeof createFollowedSessions>;

interface Followed {
  readonly record: Subscription;
  /** The last look at the record: they wait for each other, so that the newest one counts. */
  looked: Promise<void>;
  stopReplies?: (() => void) | undefined;
  changes?: Subscription;
  hearsChanges: boolean;
}

export function createFollowedSessions(options: FollowOptions) {
  const { sessions, changes, clientReplies, live } = options;
  const followed = new Map<string, Followed>();
  let wasBusy: ReadonlySet<string> = new Set();

  /** Apart from `lookAt`: a listener keeps all that its function has in scope. */
  const subscribe = (id: string, { subscriptions }: SessionRecord) =>
    changes.subscribe(allChanges(subscriptions), (change) => options.onChange(id, change));

  const lookAt = async (id: string, one: Followed) => {
    const record = await sessions.peek(id);
    const session = live.find(id);
    if (!session || followed.get(id) !== one) return;
    const before = session.record;
    session.record = record && {
      subscriptions: record.subscriptions,
      ...(record.changesTo !== undefined && { changesTo: record.changesTo }),
    };
    if (!record) return live.end(id);
    session.minLevel = record.logLevel;
    if (!one.hearsChanges) return;
    const old = one.changes;
    one.changes = subscribe(id, record);
    old?.stop();
    await one.changes.listening;
    const known = new Set(before?.subscriptions ?? record.subscriptions);
    const added = record.subscriptions.filter((uri) => !known.has(uri));
    const missed = await changes.recent(added.map((uri) => ({ kind: 'resource', uri })));
    for (const change of missed) options.onChange(id, change);
  };
  const look = (id: string, one: Followed) => {
    one.looked = one.looked.catch(() => {}).then(() => lookAt(id, one));
    return one.looked;
  };
  const follow = (id: string): Followed => {
    const known = followed.get(id);
    if (known) return known;
    const record = sessions.follow(id, () => void look(id, one).catch(options.onError));
    const one: Followed = { record, looked: record.listening, hearsChanges: false };
    followed.set(id, one);
    return one;
  };
  const heedReplies = (id: string) => {
    const isNew = !followed.has(id);
    const one = follow(id);
    if (isNew) look(id, one).catch(options.onError); // it may have ended before
    one.stopReplies ??= clientReplies.subscribe(id, options.onReply);
  };

  /** Starts and stops to heed the replies of sessions by whether their calls take long. */
  const lookAround = () => {
    const busy = new Set(live.ids().filter((id) => live.find(id)?.calls.size));
    for (const id of busy) if (wasBusy.has(id)) heedReplies(id);
    for (const [id, one] of followed) {
      if (busy.has(id)) continue;
      one.stopReplies?.();
      one.stopReplies = undefined;
    }
    wasBusy = busy;
  };
  const timer = setInterval(lookAround, LOOK_INTERVAL_MS).unref();

  const stopMissed = changes.onMissed(() => {
    for (const [id, one] of followed) {
      if (!one.hearsChanges) continue;
      look(id, one).then(() => options.onChange(id), options.onError);
    }
  });
  const stop = (id: string) => {
    const one = followed.get(id);
    followed.delete(id);
    one?.record.stop();
    one?.stopReplies?.();
    one?.changes?.stop();
  };

  return {
    /** For a call that asks its client: the answer may come by any replica. */
    heedReplies,

    /** For a stream of changes. Resolves once none is missed, with the record as it is then. */
    hearChanges: async (id: string) => {
      const one = follow(id);
      one.hearsChanges = true;
      await look(id, one);
      return live.find(id)?.record;
    },

    /** For a session that has nothing open any more. */
    stop,

    close: (): void => {
      clearInterval(timer);
      stopMissed();
      [...followed.keys()].forEach(stop);
    },
  };
}
