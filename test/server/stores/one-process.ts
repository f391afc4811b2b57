/** The stores of one process, as `redisStores` puts them together: its sign of life ends when they close. */
import { sayAlive } from '../../../src/server/stores/redis/heartbeat.js';
import { type RedisEventsOptions, redisEvents } from '../../../src/server/stores/redis/events.js';
import { type RedisPlacesOptions, redisPlaces } from '../../../src/server/stores/redis/stream-slots.js';
import type { EventLog, PlaceStore } from '../../../src/server/stores/types.js';

export function eventsOfOneProcess(options: Omit<RedisEventsOptions, 'alive'>): EventLog {
  const alive = sayAlive(options.connection);
  return closingToo(redisEvents({ ...options, alive }), alive);
}

export function placesOfOneProcess(options: Omit<RedisPlacesOptions, 'alive'>): PlaceStore {
  const alive = sayAlive(options.connection);
  return closingToo(redisPlaces({ ...options, alive }), alive);
}

function closingToo<Store extends { close(): Promise<void> }>(store: Store, alive: { close(): void }): Store {
  const close = store.close.bind(store);
  store.close = async () => {
    alive.close();
    await close();
  };
  return store;
}
