/** The stores of one process, as `redisStores` puts them together: its heartbeat ends when they close. */
import { startHeartbeat } from '../../../src/server/stores/redis/heartbeat.js';
import { type RedisEventsOptions, redisEvents } from '../../../src/server/stores/redis/events.js';
import {
  type RedisStreamSlotsOptions,
  redisStreamSlots,
} from '../../../src/server/stores/redis/stream-slots.js';
import { type RedisTasksOptions, redisTasks } from '../../../src/server/stores/redis/tasks.js';
import type { EventLog } from '../../../src/server/stores/event-log.js';
import type { StreamSlots } from '../../../src/server/stores/types.js';
import type { TaskStore } from '../../../src/server/stores/task-store.js';

export function eventsOfOneProcess(options: Omit<RedisEventsOptions, 'heartbeat'>): EventLog {
  const heartbeat = startHeartbeat(options.connection);
  return closingToo(redisEvents({ ...options, heartbeat }), heartbeat);
}

export function slotsOfOneProcess(options: Omit<RedisStreamSlotsOptions, 'heartbeat'>): StreamSlots {
  const heartbeat = startHeartbeat(options.connection);
  return closingToo(redisStreamSlots({ ...options, heartbeat }), heartbeat);
}

export function tasksOfOneProcess(options: Omit<RedisTasksOptions, 'heartbeat'>): TaskStore {
  const heartbeat = startHeartbeat(options.connection);
  return closingToo(redisTasks({ ...options, heartbeat }), heartbeat);
}

function closingToo<Store extends { close(): Promise<void> }>(
  store: Store,
  heartbeat: { close(): void },
): Store {
  const close = store.close.bind(store);
  store.close = async () => {
    heartbeat.close();
    await close();
  };
  return store;
}
