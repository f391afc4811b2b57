/** The steps on sessions that must be one, as scripts. Each changes one key. */

/** Takes a place among the owner's sessions unless all are taken; places of sessions that idled out are free. */
export const TAKE_PLACE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;

/** Keeps the place of a session that is used. */
export const KEEP_PLACE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Reads a record and keeps it: a Redis that can only be read serves no session. */
export const USE_RECORD = `
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return {} end
return redis.call('HGETALL', KEYS[1])`;

/** Changes a live record only: a change must not bring back half of an ended one. */
export const CHANGE_RECORD = `
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1`;
