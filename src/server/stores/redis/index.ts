import type { Stores } from '../types.js';
import { sayAlive } from './heartbeat.js';
import { redisChanges } from './changes.js';
import { connect, type ConnectionOptions } from './connection.js';
import { redisEvents } from './events.js';
import { redisMail } from './client-replies.js';
import { redisOnce } from './used-once.js';
import { redisPlaces } from './stream-slots.js';
import { redisRateLimits } from './rate-limits.js';
import { redisSessions } from './sessions.js';

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
  const alive = sayAlive(connection);
  const stores = {
    rateLimits: redisRateLimits({ connection, onFailure, replicas }),
    sessions: redisSessions({ connection, idleMs: sessionIdleMs }),
    changes: redisChanges(connection),
    mail: redisMail(connection),
    once: redisOnce(connection),
    places: redisPlaces({ connection, alive, onFailure, replicas }),
    events: redisEvents({ connection, alive, maxStreamChars: streamMaxBytes, retainMs: streamRetainMs }),
  };
  return {
    ...stores,
    healthy: connection.healthy,
    close: async () => {
      alive.close();
      await Promise.all(Object.values(stores).map((store) => store.close()));
      await connection.close();
    },
  };
}
