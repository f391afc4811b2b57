import { readFile } from 'node:fs/promises';
import { memoryChanges, memoryClientReplies } from './memory/bus.js';
import { memoryEvents } from './memory/events.js';
import { memoryKeptValues } from './memory/kept-values.js';
import { memoryUsedOnce } from './memory/used-once.js';
import { memoryStreamSlots } from './memory/stream-slots.js';
import { memoryRateLimits } from './memory/rate-limits.js';
import { memorySessions } from './memory/sessions.js';
import { memoryTasks } from './memory/tasks.js';
import type { Stores } from './types.js';

export interface StoresOptions {
  /** Milliseconds after which an unused session ends. */
  readonly sessionIdleMs: number;
  /** Memory for all sessions, and as much again for the logs of all streams, in characters; by default 128 Mi. */
  readonly maxChars?: number;
  /** How much of one stream is kept for a client that comes back; by default 1 MiB. */
  readonly streamMaxBytes?: number;
  /** Milliseconds for which it is kept; by default six minutes. */
  readonly streamRetainMs?: number;
  /** Where replicas share everything; without it the stores are in this process. */
  readonly redis?: {
    readonly url: string;
    readonly mode?: 'single' | 'cluster' | 'sentinel';
    readonly sentinelName?: string | undefined;
    /** PEM of the authority that signed the server's certificate. */
    readonly caFile?: string;
    readonly replicas: number;
    readonly onFailure: 'local' | 'strict';
    readonly onChange: (available: boolean, error?: unknown) => void;
    readonly onRefused?: (error: unknown, fix: string) => void;
    /** How long each command took, and whether it succeeded. */
    readonly onAnswer?: (seconds: number, ok: boolean) => void;
  };
}

/** Opens everything the server keeps between requests: the only place that chooses where. */
export async function openStores({ redis, sessionIdleMs, ...options }: StoresOptions): Promise<Stores> {
  const { maxChars = Infinity, streamMaxBytes = 1024 * 1024, streamRetainMs = 360_000 } = options;
  const bounds = { sessionIdleMs, maxChars, streamMaxBytes, streamRetainMs };
  if (!redis) return memoryStores(bounds);
  const { redisStores } = await import('./redis/index.js'); // loads the Redis client only when it is needed
  const { caFile, ...rest } = redis;
  return redisStores({
    ...rest,
    ...bounds,
    ...(caFile !== undefined && { ca: await readFile(caFile, 'utf8') }),
  });
}

type Bounds = Required<Omit<StoresOptions, 'redis'>>;

function memoryStores({ sessionIdleMs, maxChars, streamMaxBytes, streamRetainMs }: Bounds): Stores {
  const stores = {
    rateLimits: memoryRateLimits(),
    sessions: memorySessions(sessionIdleMs, maxChars),
    changes: memoryChanges(),
    clientReplies: memoryClientReplies(),
    usedOnce: memoryUsedOnce(),
    streamSlots: memoryStreamSlots(),
    events: memoryEvents(streamMaxBytes, streamRetainMs, maxChars),
    tasks: memoryTasks(maxChars),
    keptValues: memoryKeptValues(maxChars),
  };
  return {
    ...stores,
    healthy: () => true,
    close: async () => void (await Promise.all(Object.values(stores).map((store) => store.close()))),
  };
}
