import type { Change, ChangeBus } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

const CHANNEL = `${PREFIX}changes`;

/** Carries changes to the streams of every replica. */
export function redisChangeBus(connection: Connection): ChangeBus {
  const listeners = new Set<(change: Change) => void>();
  const deliver = (change: Change) => {
    for (const listener of listeners) listener(change);
  };
  const stop = connection.subscribe(CHANNEL, (message) => deliver(JSON.parse(message) as Change));
  return {
    publish(change) {
      const message = JSON.stringify(change);
      // While Redis is away the streams of this replica are still told.
      connection.run((client) => client.publish(CHANNEL, message)).catch(() => deliver(change));
    },
    subscribe(listener) {
      const own = (change: Change): void => listener(change); // the same listener may subscribe twice
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    async close() {
      stop();
      listeners.clear();
    },
  };
}
