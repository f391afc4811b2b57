import { createHash } from 'node:crypto';
import { type PlaceStore, StoreUnavailable } from '../types.js';
import type { Alive } from './heartbeat.js';
import { type Connection, PREFIX } from './connection.js';

/** An owner's hash expires when no process that counts in it has said so for long. */
const KEPT_MS = 600_000;

export interface RedisPlacesOptions {
  readonly connection: Connection;
  readonly alive: Alive;
  /** What happens while Redis is away: `local` gives each replica its share, `strict` lets nobody pass. */
  readonly onFailure: 'local' | 'strict';
  readonly replicas: number;
}

/** Counts what each owner has open on all replicas together: a hash per owner has each process and its number. */
export function redisPlaces({ connection, alive, onFailure, replicas }: RedisPlacesOptions): PlaceStore {
  const own = new Map<string, number>();
  const say = (script: string, owner: string, most = 0) => {
    const args = [alive.inbox, String(own.get(owner) ?? 0), String(KEPT_MS), String(most)];
    return connection.run((client) => client.eval(script, { keys: [keyOf(owner)], arguments: args }));
  };
  const sayAll = () => {
    for (const owner of own.keys()) say(STATE, owner).catch(() => {}); // said again in time
  };
  alive.onRevived(sayAll);
  const timer = setInterval(sayAll, KEPT_MS / 3).unref();

  const add = (owner: string, by: 1 | -1) => {
    const count = (own.get(owner) ?? 0) + by;
    if (count > 0) own.set(owner, count);
    else own.delete(owner);
  };
  const giveBack = (owner: string) => {
    add(owner, -1);
    say(STATE, owner).catch(() => {}); // then with the next, or it expires
  };
  /** Full, it looks for what dead processes still seem to have open. */
  const takeShared = async (owner: string, most: number): Promise<boolean> => {
    const others = await say(TAKE, owner, most);
    if (!Array.isArray(others)) return true;
    const dead = await alive.dead(others as string[]);
    if (dead.length === 0) return false;
    await connection.run((client) => client.hDel(keyOf(owner), [...dead]));
    return !Array.isArray(await say(TAKE, owner, most));
  };
  const isFree = async (owner: string, most: number): Promise<boolean> => {
    try {
      return await takeShared(owner, most);
    } catch (error) {
      if (onFailure === 'strict' || !(error instanceof StoreUnavailable)) throw error;
      return (own.get(owner) ?? 0) <= Math.max(1, Math.floor(most / replicas));
    }
  };

  return {
    async take(owner, most) {
      add(owner, 1); // before it is known: of two that come at once only one gets the last place
      let isTaken = false;
      try {
        isTaken = await isFree(owner, most);
      } finally {
        if (!isTaken) giveBack(owner);
      }
      return isTaken ? () => giveBack(owner) : undefined;
    },
    async close() {
      clearInterval(timer);
    },
  };
}

function keyOf(owner: string): string {
  return `${PREFIX}places:{${createHash('sha256').update(owner).digest('base64url')}}`;
}

/** ARGV: this process, what it has open, milliseconds to keep. */
const STATE = `
if ARGV[2] == '0' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

/** ARGV: as above, then the most that all may have open together. The other processes, where there is no place. */
const TAKE = `
local sum, others, all = tonumber(ARGV[2]), {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    sum = sum + all[i + 1]
    others[#others + 1] = all[i]
  end
end
if sum > tonumber(ARGV[4]) then return others end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`;
