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

/** Listeners by name. */
export function memoryChannels<T>() {
  const channels = new Map<string, Set<(message: T) => void>>();
  return {
    tell(name: string, message: T): void {
      for (const listener of channels.get(name) ?? []) listener(message);
    },
    /** Returns the way to stop. */
    add(name: string, listener: (message: T) => void): () => void {
      const own = (message: T): void => listener(message); // the same listener may subscribe twice
      const listeners = channels.get(name) ?? new Set();
      channels.set(name, listeners.add(own));
      return () => {
        listeners.delete(own);
        if (listeners.size === 0 && channels.get(name) === listeners) channels.delete(name);
      };
    },
    clear: () => channels.clear(),
  };
}

/** Within one process no change is lost. */
export function memoryChanges(): ChangeBus {
  const channels = memoryChannels<Change>();
  return {
    publish: (change) => channels.tell(changeName(change), change),
    subscribe(wanted, listener) {
      const stops = wanted.map((change) => channels.add(changeName(change), listener));
      return { listening: Promise.resolve(), stop: () => stops.forEach((stop) => stop()) };
    },
    recent: async () => [],
    onMissed: () => () => {},
    close: async () => channels.clear(),
  };
}

/** The same for the same change. */
export function changeName(change: Change): string {
  return change.kind === 'resource' ? `resource ${change.uri}` : change.kind;
}

/** Within one process the call that waits for a reply is found before the store is asked. */
export function memoryClientReplies(): ClientReplies {
  const channels = memoryChannels<ClientReply>();
  return {
    publish: async (reply) => channels.tell(reply.sessionId, reply),
    subscribe: channels.add,
    close: async () => channels.clear(),
  };
}
