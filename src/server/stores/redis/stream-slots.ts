import { createHash } from 'node:crypto';
import { type StreamSlots, StoreUnavailable } from '../types.js';
import type { Heartbeat } from './heartbeat.js';
import { type Connection, PREFIX } from './connection.js';

/** An owner's hash expires when no process has written to it for so long. */
const KEPT_MS = 600_000;

export interface RedisStreamSlotsOptions {
  readonly connection: Connection;
  readonly heartbeat: Heartbeat;
  /** While Redis is away: `local` gives each replica its share, `strict` refuses. */
  readonly onFailure: 'local' | 'strict';
  readonly replicas: number;
}

/** Counts the streams that each owner has open on all replicas: a hash per owner holds a count per process. */
export function redisStreamSlots({
  connection,
  heartbeat,
  onFailure,
  replicas,
}: RedisStreamSlotsOptions): StreamSlots {
  const own = new Map<string, number>();
  const write = (script: string, owner: string, most = 0) => {
    const args = [heartbeat.inbox, String(own.get(owner) ?? 0), String(KEPT_MS), String(most)];
    return connection.run((client) => client.eval(script, { keys: [keyOf(owner)], arguments: args }));
  };
  const writeAll = () => {
    for (const owner of own.keys()) write(STATE, owner).catch(() => {}); // written again before it expires
  };
  heartbeat.onRevived(writeAll);
  const timer = setInterval(writeAll, KEPT_MS / 3).unref();

  const add = (owner: string, by: 1 | -1) => {
    const count = (own.get(owner) ?? 0) + by;
    if (count > 0) own.set(owner, count);
    else own.delete(owner);
  };
  const giveBack = (owner: string) => {
    add(owner, -1);
    write(STATE, owner).catch(() => {}); // the next write corrects it, or it expires
  };
  /** When no slot is free, those of dead processes are freed first. */
  const takeShared = async (owner: string, most: number): Promise<boolean> => {
    const others = await write(TAKE, owner, most);
    if (!Array.isArray(others)) return true;
    const dead = await heartbeat.deadOf(others as string[]);
    if (dead.length === 0) return false;
    await connection.run((client) => client.hDel(keyOf(owner), [...dead]));
    return !Array.isArray(await write(TAKE, owner, most));
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
      add(owner, 1); // before Redis answers: of two that come at once only one gets the last slot
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
  return `${PREFIX}slots:{${createHash('sha256').update(owner).digest('base64url')}}`;
}

/** ARGV: this process, its count, milliseconds to keep. */
const STATE = `
if ARGV[2] == '0' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

/** ARGV: as above, then the most for all processes together. Answers the other processes when no slot is free. */
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
