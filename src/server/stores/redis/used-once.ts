import type { UsedOnce } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

/** Values used on any replica. */
export function redisUsedOnce(connection: Connection): UsedOnce {
  const name = (key: string) => `${PREFIX}once:${key}`;
  return {
    take: async (key, ttlMs) =>
      (await connection.run((client) => client.set(name(key), '1', { NX: true, PX: ttlMs }))) === 'OK',
    release: async (key) => void (await connection.run((client) => client.del(name(key)))),
    close: async () => {},
  };
}
