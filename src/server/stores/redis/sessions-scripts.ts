/** Steps on sessions that must be atomic, as scripts. Each changes one key. */

/**
 * Takes one of the owner's slots for sessions; those of sessions that idled out are free. When all are taken, the least
 * recently used session gives up its slot, unless it was in use within ARGV[4] milliseconds.
 * Answers 1, the id of the session that gave way, or minus the milliseconds to wait.
 */
export const TAKE_SLOT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local gone = 1
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  local usedAt = tonumber(oldest[2]) - tonumber(ARGV[3])
  local wait = usedAt + tonumber(ARGV[4]) - now
  if wait > 0 then return -wait end
  gone = oldest[1]
  redis.call('ZREM', KEYS[1], gone)
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return gone`;

/** Keeps the slot of a session that is used. */
export const KEEP_SLOT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Reads a record and starts its idle time anew, if its owner is ARGV[2] (empty: any). A read-only Redis serves no session. */
export const USE_RECORD = `
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then return {} end
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return {} end
return redis.call('HGETALL', KEYS[1])`;

/** Changes a live record only: a change must not recreate a part of an ended one. ARGV: idle time, channel, fields. */
export const CHANGE_RECORD = `
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PUBLISH', ARGV[2], '')
return 1`;
