import { randomUUID } from 'node:crypto';
import { memoryBus } from '../memory/bus.js';
import type { Bus } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

/** Carries messages to every replica that is connected. */
export function redisBus<T>(connection: Connection, name: string): Bus<T> {
  const channel = `${PREFIX}bus:${name}`;
  const self = randomUUID();
  const local = memoryBus<T>();
  const stop = connection.subscribe(channel, (text) => {
    const { from, message } = JSON.parse(text) as { from: string; message: T };
    if (from !== self) local.publish(message);
  });
  return {
    publish(message) {
      local.publish(message); // at once, and also while Redis is away
      const text = JSON.stringify({ from: self, message });
      connection.run((client) => client.publish(channel, text)).catch(() => {}); // nobody else hears it
    },
    subscribe: (listener) => local.subscribe(listener),
    async close() {
      stop();
      await local.close();
    },
  };
}
