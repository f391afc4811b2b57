import { memoryChangeBus } from './memory/change-bus.js';
import { memoryRateLimits } from './memory/rate-limits.js';
import { memorySessions } from './memory/sessions.js';
import type { Stores } from './types.js';

export interface StoresOptions {
  /** Milliseconds after which an unused session ends. */
  readonly sessionIdleMs: number;
}

/** Opens everything the server keeps between requests: the only place that chooses where. */
export async function openStores({ sessionIdleMs }: StoresOptions): Promise<Stores> {
  const rateLimits = memoryRateLimits();
  const sessions = memorySessions({ idleMs: sessionIdleMs });
  const changes = memoryChangeBus();
  return {
    rateLimits,
    sessions,
    changes,
    healthy: () => true,
    close: async () => void (await Promise.all([rateLimits.close(), sessions.close(), changes.close()])),
  };
}
