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
    add(names: readonly string[], listener: (message: T) => void): () => void {
      const own = (message: T): void => listener(message); // the same listener may subscribe twice
      for (const name of names) channels.set(name, (channels.get(name) ?? new Set()).add(own));
      return () => {
        for (const name of names) {
          const listeners = channels.get(name);
          if (listeners?.delete(own) && listeners.size === 0) channels.delete(name);
        }
      };
    },
    clear: () => channels.clear(),
  };
}

/** At once. */
const HEARD = Promise.resolve();

/** Within one process no change is lost. */
export function memoryChanges(): ChangeBus {
  const channels = memoryChannels<Change>();
  return {
    publish: (change) => channels.tell(changeName(change), change),
    subscribe(wanted, listener) {
      return { listening: HEARD, stop: channels.add(wanted.map(changeName), listener) };
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
    subscribe: (sessionId, listener) => channels.add([sessionId], listener),
    close: async () => channels.clear(),
  };
}
