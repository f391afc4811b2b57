import { randomUUID } from 'node:crypto';
import { memoryChangeBus } from '../memory/change-bus.js';
import type { Change, ChangeBus } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

const CHANNEL = `${PREFIX}changes`;

/** Carries changes to the streams of every replica. */
export function redisChangeBus(connection: Connection): ChangeBus {
  const self = randomUUID();
  const local = memoryChangeBus();
  const stop = connection.subscribe(CHANNEL, (message) => {
    const { from, change } = JSON.parse(message) as { from: string; change: Change };
    if (from !== self) local.publish(change);
  });
  return {
    publish(change) {
      local.publish(change); // at once, and also while Redis is away
      const message = JSON.stringify({ from: self, change });
      connection.run((client) => client.publish(CHANNEL, message)).catch(() => {}); // the others list again in time
    },
    subscribe: (listener) => local.subscribe(listener),
    async close() {
      stop();
      await local.close();
    },
  };
}
