import type { Bus, Change, ChangeBus, ClientReplies, ClientReply } from '../types.js';

/** Carries messages within this process. */
export function memoryBus<T>(): Bus<T> {
  const listeners = new Set<(message: T) => void>();
  return {
    publish(message) {
      for (const listener of listeners) listener(message);
    },
    subscribe(listener) {
      const own = (message: T): void => listener(message); // the same listener may subscribe twice
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    async close() {
      listeners.clear();
    },
  };
}

/** Within one process no change is lost. */
export function memoryChanges(): ChangeBus {
  return { ...memoryBus<Change>(), onMissed: () => () => {} };
}

/** Within one process the call that waits for a reply is found before this bus is asked. */
export function memoryClientReplies(): ClientReplies {
  const bus = memoryBus<ClientReply>();
  return { ...bus, publish: async (reply) => bus.publish(reply) };
}
