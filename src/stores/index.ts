import { memoryChangeBus } from './memory/change-bus.js';
import { memoryEvents } from './memory/events.js';
import { memoryRateLimits } from './memory/rate-limits.js';
import { memorySessions } from './memory/sessions.js';
import type { Stores } from './types.js';

export interface StoresOptions {
  /** Milliseconds after which an unused session ends. */
  readonly sessionIdleMs: number;
  /** What is kept of one stream for a client that comes back; by default 1 MiB. */
  readonly streamMaxBytes?: number;
  /** Milliseconds for which it is kept; by default six minutes. */
  readonly streamRetainMs?: number;
}

/** Opens everything the server keeps between requests: the only place that chooses where. */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const rateLimits = memoryRateLimits();
  const sessions = memorySessions({ idleMs: options.sessionIdleMs });
  const changes = memoryChangeBus();
  const { streamMaxBytes = 1024 * 1024, streamRetainMs = 360_000 } = options;
  const events = memoryEvents({ maxStreamChars: streamMaxBytes, retainMs: streamRetainMs });
  return {
    rateLimits,
    sessions,
    changes,
    events,
    healthy: () => true,
    close: async () =>
      void (await Promise.all([rateLimits.close(), sessions.close(), changes.close(), events.close()])),
  };
}
