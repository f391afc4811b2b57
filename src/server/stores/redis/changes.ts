import { createHash } from 'node:crypto';
import { changeName, memoryBus, memoryChanges } from '../memory/bus.js';
import type { Change, ChangeBus } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

/** Published by a replica that could not publish a change before: no other replica knows that one was lost. */
const LOST = `${PREFIX}changes-lost`;
/** Longer than a subscription needs to reach Redis. */
const RECENT_MS = 2000;

/**
 * Each change has a channel of its own, which only the replicas listen to that have a stream for it. Changes published
 * while Redis is away are lost, and `onMissed` says so on each replica.
 */
export function redisChanges(connection: Connection): ChangeBus {
  const local = memoryChanges();
  const missed = memoryBus<void>();
  let hasLost = false;

  const run = (command: Parameters<Connection['run']>[0], whenLost: () => void) =>
    void connection.run(command).catch(() => {
      hasLost = true;
      whenLost();
    });
  const onBack = () => {
    missed.publish();
    if (!hasLost) return;
    hasLost = false;
    run(
      (client) => client.publish(LOST, ''),
      () => {},
    );
  };
  const stops = [connection.subscribe(LOST, () => missed.publish()).stop, connection.onBack(onBack)];

  return {
    publish(change) {
      const call = { keys: [recentKey(change)], arguments: [channelOf(change), String(RECENT_MS)] };
      run(
        (client) => client.eval(PUBLISH, call),
        () => local.publish(change), // at least this replica hears of it
      );
    },
    subscribe(wanted, listener) {
      const all = wanted.map((change) => connection.subscribe(channelOf(change), () => listener(change)));
      const here = local.subscribe(wanted, listener);
      return {
        listening: Promise.all(all.map(({ listening }) => listening)).then(() => {}),
        stop: () => [...all, here].forEach(({ stop }) => stop()),
      };
    },
    async recent(changes) {
      const found = await connection.run((client) =>
        Promise.all(changes.map((change) => client.exists(recentKey(change)))),
      );
      return changes.filter((_, i) => found[i] === 1);
    },
    onMissed: missed.subscribe,
    async close() {
      for (const stop of stops) stop();
      await Promise.all([local.close(), missed.close()]);
    },
  };
}

/** URIs are the clone's, and long: their digest is not. */
function digestOf(change: Change): string {
  return createHash('sha256').update(changeName(change)).digest('base64url');
}

const channelOf = (change: Change) => `${PREFIX}changed:${digestOf(change)}`;
const recentKey = (change: Change) => `${PREFIX}recent:${digestOf(change)}`;

/** KEYS: says for a moment that there was such a change. ARGV: channel, milliseconds. */
const PUBLISH = `
redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
return redis.call('PUBLISH', ARGV[1], '')`;
