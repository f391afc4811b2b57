import type { Stores } from '../types.js';
import { startHeartbeat } from './heartbeat.js';
import { redisChanges } from './changes.js';
import { connect, type ConnectionOptions } from './connection.js';
import { redisEvents } from './events.js';
import { redisClientReplies } from './client-replies.js';
import { redisKeptValues } from './kept-values.js';
import { redisUsedOnce } from './used-once.js';
import { redisStreamSlots } from './stream-slots.js';
import { redisRateLimits } from './rate-limits.js';
import { redisSessions } from './sessions.js';
import { redisTasks } from './tasks.js';

export interface RedisStoresOptions extends ConnectionOptions {
  readonly replicas: number;
  readonly onFailure: 'local' | 'strict';
  readonly sessionIdleMs: number;
  readonly streamMaxBytes: number;
  readonly streamRetainMs: number;
}

/** Everything that replicas share, in one Redis or Valkey. */
export function redisStores(options: RedisStoresOptions): Stores {
  const { replicas, onFailure, sessionIdleMs, streamMaxBytes, streamRetainMs } = options;
  const connection = connect(options);
  const heartbeat = startHeartbeat(connection);
  const stores = {
    rateLimits: redisRateLimits({ connection, onFailure, replicas }),
    sessions: redisSessions({ connection, idleMs: sessionIdleMs }),
    changes: redisChanges(connection),
    clientReplies: redisClientReplies(connection),
    usedOnce: redisUsedOnce(connection),
    streamSlots: redisStreamSlots({ connection, heartbeat, onFailure, replicas }),
    events: redisEvents({ connection, heartbeat, maxStreamChars: streamMaxBytes, retainMs: streamRetainMs }),
    tasks: redisTasks({ connection, heartbeat }),
    keptValues: redisKeptValues(connection),
  };
  return {
    ...stores,
    healthy: connection.healthy,
    close: async () => {
      heartbeat.close();
      await Promise.all(Object.values(stores).map((store) => store.close()));
      await connection.close();
    },
  };
}
