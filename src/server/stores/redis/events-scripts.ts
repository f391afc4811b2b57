/**
 * What Redis keeps of a stream, and each step on it as one script. All keys of a session share its hash tag.
 *
 * - `mcp:streams:{session}`: sorted set of the session's streams by their beginning
 * - `mcp:stream:{session}:STREAM`: hash `owner`, `scopes` (JSON), `next`, `chars`, `over`, `reader` (inbox and token), `readAt` and `seen` (when
 *   the reader last looked, and what it had then), `writer` (inbox), `lastWords`
 * - the same with `:log`: Redis stream of the events, numbered `1-0`, `2-0`, …
 *
 * - `mcp:told:{session}`: position of the last change that the session was told of
 *
 * KEYS: the set, the hash, the position. ARGV: name of the stream, milliseconds to keep it, then as each says.
 */
const MAX_EVENTS = 1000;
const MAX_STREAMS = 200;
/** A reader that has not looked for so many seconds has died with its process. */
const READER_DEAD_S = 3;

const PRELUDE = `
local set, meta, log, told = KEYS[1], KEYS[2], KEYS[2] .. ':log', KEYS[3]
local name, keep = ARGV[1], ARGV[2]
local function touch() for _, key in ipairs({set, meta, log, told}) do redis.call('PEXPIRE', key, keep) end end
local now = tonumber(redis.call('TIME')[1])
local function read(reader, seen) redis.call('HSET', meta, 'reader', reader, 'readAt', now, 'seen', seen) end
local function isDead(readAt) return now - tonumber(readAt or 0) > ${READER_DEAD_S} end
local function tell(reader, message)
  local inbox, token = string.match(reader or '', '^(%S+) (%S+)$')
  if not inbox then return end
  message.tail = token
  redis.call('PUBLISH', inbox, cjson.encode(message))
end
local function keyOf(one) return (string.gsub(set, '^mcp:streams:', 'mcp:stream:')) .. ':' .. one end
local function drop(one)
  local key = keyOf(one)
  local reader = redis.call('HGET', key, 'reader')
  redis.call('DEL', key, key .. ':log')
  redis.call('ZREM', set, one)
  tell(reader, {['end'] = true})
end
local function after(seen)
  local over = redis.call('HGET', meta, 'over') and 1 or 0
  return {over, redis.call('XRANGE', log, '(' .. seen .. '-0', '+'), redis.call('HGET', meta, 'writer')}
end
local function append(data, last, most)
  local n = redis.call('HINCRBY', meta, 'next', 1) - 1
  redis.call('XADD', log, n .. '-0', 'd', data)
  local chars = redis.call('HINCRBY', meta, 'chars', #data)
  while redis.call('XLEN', log) > 1 and (chars > most or redis.call('XLEN', log) > ${MAX_EVENTS}) do
    local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    redis.call('XDEL', log, first[1])
    chars = chars - #first[2][2]
  end
  redis.call('HSET', meta, 'chars', chars)
  if last then redis.call('HSET', meta, 'over', 1) end
  touch()
  return n
end`;

/** ARGV: owner, reader, time, last words (empty: the stream outlives its process), scopes. */
export const BEGIN = `${PRELUDE}
redis.call('HSET', meta, 'owner', ARGV[3], 'scopes', ARGV[7], 'next', 2, 'chars', 0)
read(ARGV[4], 1)
if ARGV[6] ~= '' then
  redis.call('HSET', meta, 'lastWords', ARGV[6], 'writer', string.match(ARGV[4], '^%S+'))
end
redis.call('XADD', log, '1-0', 'd', '')
redis.call('ZADD', set, ARGV[5], name)
for _, oldest in ipairs(redis.call('ZRANGE', set, 0, -1 - ${MAX_STREAMS})) do drop(oldest) end
touch()
return 1`;

/** ARGV: data, whether it is the last, characters to keep, the inbox of who appends. Its number; 0 once over. */
export const APPEND = `${PRELUDE}
local data, last, own = ARGV[3], ARGV[4] == '1', ARGV[6]
local state = redis.call('HMGET', meta, 'owner', 'over', 'reader')
if not state[1] or state[2] then return 0 end
local n = append(data, last, tonumber(ARGV[5]))
if state[3] and string.sub(state[3], 1, #own) ~= own then tell(state[3], {n = n, data = data, over = last}) end
return n`;

/** Ends a call whose process died. */
export const LOSE = `${PRELUDE}
local state = redis.call('HMGET', meta, 'lastWords', 'over', 'reader')
if not state[1] or state[2] then return 0 end
local n = append(state[1], true, math.huge)
tell(state[3], {n = n, data = state[1], over = true})
return n`;

/** ARGV: position, data, characters to keep, scopes that a reader must hold. */
export const TELL = `${PRELUDE}
local position, data = ARGV[3], ARGV[4]
local function parts(one) return string.match(one, '^(%d+)-(%d+)$') end
local ms, n = parts(position)
local toldMs, toldN = parts(redis.call('GET', told) or '0-0')
if ms then
  ms, n, toldMs, toldN = tonumber(ms), tonumber(n), tonumber(toldMs), tonumber(toldN)
  if ms < toldMs or (ms == toldMs and n <= toldN) then return 0 end
  redis.call('SET', told, position)
end
local needed = cjson.decode(ARGV[6])
local function holds(scopes)
  local held = {}
  for _, scope in ipairs(cjson.decode(scopes or '[]')) do held[scope] = true end
  for _, scope in ipairs(needed) do if not held[scope] then return false end end
  return true
end
local newest, living
for _, one in ipairs(redis.call('ZREVRANGE', set, 0, -1)) do
  if string.sub(one, 1, 8) == 'changes-' then
    local state = redis.call('HMGET', keyOf(one), 'owner', 'reader', 'readAt', 'scopes')
    if state[1] and holds(state[4]) then
      newest = newest or one
      if state[2] and not isDead(state[3]) then living = one break end
    end
  end
end
if not newest then return touch() end
meta = keyOf(living or newest)
log = meta .. ':log'
local added = append(data, false, tonumber(ARGV[5]))
tell(redis.call('HGET', meta, 'reader'), {n = added, data = data, over = false})
return added`;

/** ARGV: position to begin with. */
export const TOLD = `${PRELUDE}
redis.call('SET', told, ARGV[3], 'NX')
touch()
return redis.call('GET', told)`;

/** ARGV: owner. The scopes of the stream; nil when it is unknown or of another owner. */
export const SCOPES = `${PRELUDE}
local state = redis.call('HMGET', meta, 'owner', 'scopes')
if state[1] ~= ARGV[3] then return nil end
return state[2]`;

/** ARGV: owner, new reader, number of the last event seen, time. What came after it; nil when there is a gap. */
export const RESUME = `${PRELUDE}
local state = redis.call('HMGET', meta, 'owner', 'next', 'reader')
local seen = tonumber(ARGV[5])
if state[1] ~= ARGV[3] or seen >= tonumber(state[2]) then return nil end
local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
if not first or tonumber(string.match(first[1], '^%d+')) > seen + 1 then return nil end
tell(state[3], {['end'] = true})
read(ARGV[4], ARGV[5])
redis.call('ZADD', set, ARGV[6], name)
touch()
return after(ARGV[5])`;

/**
 * ARGV: reader, number of the last event seen, characters to keep. What came after it; nil when the stream is gone or read
 * by another. A stream of changes takes over what waits for readers of its session that have died.
 */
export const TAIL = `${PRELUDE}
if redis.call('HGET', meta, 'reader') ~= ARGV[3] then return nil end
read(ARGV[3], ARGV[4])
local function takeOver(one)
  local state = redis.call('HMGET', keyOf(one), 'reader', 'readAt', 'seen')
  if not state[1] or not isDead(state[2]) then return end
  local waiting = redis.call('XRANGE', keyOf(one) .. ':log', '(' .. state[3] .. '-0', '+')
  if #waiting == 0 then return end
  drop(one)
  for _, entry in ipairs(waiting) do append(entry[2][2], false, tonumber(ARGV[5])) end
end
if string.sub(name, 1, 8) == 'changes-' then
  for _, one in ipairs(redis.call('ZRANGE', set, 0, -1)) do
    if one ~= name and string.sub(one, 1, 8) == 'changes-' then takeOver(one) end
  end
end
touch()
return after(ARGV[4])`;

/** ARGV: reader. */
export const STOP = `${PRELUDE}
if redis.call('HGET', meta, 'reader') == ARGV[3] then redis.call('HDEL', meta, 'reader') end
touch()
return 1`;

export const DROP = `${PRELUDE}
drop(name)
return 1`;

export const FORGET = `${PRELUDE}
for _, one in ipairs(redis.call('ZRANGE', set, 0, -1)) do drop(one) end
redis.call('DEL', told)
return 1`;
