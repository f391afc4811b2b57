import type { Bus, Change, ChangeBus, MailBus, SessionMail } from '../types.js';

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

/** Who asked is in this process, and has the mail already. */
export function memoryMail(): MailBus {
  const bus = memoryBus<SessionMail>();
  return { ...bus, publish: async (mail) => bus.publish(mail) };
}
