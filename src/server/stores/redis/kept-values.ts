import type { KeptValues } from '../kept-values.js';
import { type Connection, PREFIX } from './connection.js';

/** Values that every replica reads. */
export function redisKeptValues(connection: Connection): KeptValues {
  const keyOf = (name: string) => `${PREFIX}kept:${name}`;
  return {
    get: async (name) => (await connection.run((client) => client.get(keyOf(name)))) ?? undefined,
    add: async (name, value, ttlMs) =>
      (await connection.run((client) => client.set(keyOf(name), value, { NX: true, PX: ttlMs }))) === 'OK',
    set: async (name, value, ttlMs) =>
      void (await connection.run((client) => client.set(keyOf(name), value, { PX: ttlMs }))),
    take: async (name) => (await connection.run((client) => client.getDel(keyOf(name)))) ?? undefined,
    close: async () => {},
  };
}
