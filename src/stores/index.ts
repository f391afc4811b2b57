import { memoryBus } from './memory/bus.js';
import { memoryEvents } from './memory/events.js';
import { memoryOnce } from './memory/once.js';
import { memoryRateLimits } from './memory/rate-limits.js';
import { memorySessions } from './memory/sessions.js';
import type { Stores } from './types.js';

export interface StoresOptions {
  /** Milliseconds after which an unused session ends. */
  readonly sessionIdleMs: number;
  /** What is kept of one stream for a client that comes back. */
  readonly streamMaxBytes: number;
  /** Milliseconds for which it is kept. */
  readonly streamRetainMs: number;
  /** Where replicas share it all; absent, it stays in this process. */
  readonly redis?: {
    readonly url: string;
    /** PEM of the authority that signed the server's certificate. */
    readonly ca?: string;
    readonly replicas: number;
    readonly onFailure: 'local' | 'strict';
    readonly onChange: (available: boolean, error?: unknown) => void;
  };
}

/** Opens everything the server keeps between requests: the only place that chooses where. */
export async function openStores({ redis, ...options }: StoresOptions): Promise<Stores> {
  if (!redis) return memoryStores(options);
  const { redisStores } = await import('./redis/index.js'); // its client is loaded only where it is used
  return redisStores({ ...redis, ...options });
}

function memoryStores({ sessionIdleMs, streamMaxBytes, streamRetainMs }: StoresOptions): Stores {
  const stores = {
    rateLimits: memoryRateLimits(),
    sessions: memorySessions({ idleMs: sessionIdleMs }),
    changes: memoryBus() satisfies Stores['changes'],
    mail: memoryBus() satisfies Stores['mail'],
    once: memoryOnce(),
    events: memoryEvents({ maxStreamChars: streamMaxBytes, retainMs: streamRetainMs }),
  };
  return {
    ...stores,
    healthy: () => true,
    close: async () => void (await Promise.all(Object.values(stores).map((store) => store.close()))),
  };
}
