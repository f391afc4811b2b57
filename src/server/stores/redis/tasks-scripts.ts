/**
 * What Redis keeps of a task: `mcp:task:{id}`, a hash of `owner`, `task` (JSON of what never changes), `runner` (inbox),
 * `status`, `statusMessage`, `outcome`, `lastUpdatedAt`, and of each question `question:KEY` and `answer:KEY`.
 */
/** KEYS: the set of an owner's tasks. ARGV: id, most, milliseconds to live. Answers 0 when the owner has so many. */
export const TAKE_TASK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

/** KEYS: the hash. ARGV: channel, names and values in turn. Answers 0 when the task has ended or is gone. */
export const CHANGE_TASK = `
if redis.call('HGET', KEYS[1], 'status') ~= 'working' then return 0 end
for i = 2, #ARGV, 2 do
  local answered = string.match(ARGV[i], '^answer:(.*)$')
  if not answered then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  elseif redis.call('HEXISTS', KEYS[1], 'question:' .. answered) == 1 then
    redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('PUBLISH', ARGV[1], '')
return 1`;
