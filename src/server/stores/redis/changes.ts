import { memoryBus } from '../memory/bus.js';
import type { Change, ChangeBus } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

const CHANNEL = `${PREFIX}changes`;
/** Published by a replica that could not publish a change before: no other replica knows that one was lost. */
const LOST = 'lost';

/** Carries changes to every replica. Changes published while Redis is away are lost, and `onMissed` says so on each replica. */
export function redisChanges(connection: Connection): ChangeBus {
  const changes = memoryBus<Change>();
  const missed = memoryBus<void>();
  let hasLost = false;

  const send = (text: string, change?: Change) =>
    connection
      .run((client) => client.publish(CHANNEL, text))
      .catch(() => {
        hasLost = true;
        if (change) changes.publish(change); // at least this replica hears of it
      });
  const onBack = () => {
    missed.publish();
    if (!hasLost) return;
    hasLost = false;
    void send(LOST);
  };
  const onMessage = (text: string) =>
    text === LOST ? missed.publish() : changes.publish(JSON.parse(text) as Change);
  const stops = [connection.subscribe(CHANNEL, onMessage), connection.onBack(onBack)];

  return {
    publish: (change) => void send(JSON.stringify(change), change),
    subscribe: changes.subscribe,
    onMissed: missed.subscribe,
    async close() {
      for (const stop of stops) stop();
      await Promise.all([changes.close(), missed.close()]);
    },
  };
}
