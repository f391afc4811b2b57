/**
 * What Redis keeps of a call's stream, and each step on it as one script. All keys of a session share its hash tag.
 *
 * - `mcp:streams:{session}`: sorted set of the session's streams by their beginning
 * - `mcp:stream:{session}:STREAM`: hash `owner`, `scopes` (JSON), `next`, `chars`, `over`, `reader` (inbox and token), `writer`
 *   (inbox), `lastWords`
 * - the same with `:log`: Redis stream of the events, numbered `1-0`, `2-0`, …
 *
 * KEYS: the set, the hash. ARGV: name of the stream, milliseconds to keep it, then as each says.
 */
const MAX_EVENTS = 1000;
const MAX_STREAMS = 200;

const PRELUDE = `
local set, meta, log = KEYS[1], KEYS[2], KEYS[2] .. ':log'
local name, keep = ARGV[1], ARGV[2]
local function touch() for _, key in ipairs({set, meta, log}) do redis.call('PEXPIRE', key, keep) end end
local function notify(reader, message)
  local inbox, token = string.match(reader or '', '^(%S+) (%S+)$')
  if not inbox then return end
  message.tail = token
  redis.call('PUBLISH', inbox, cjson.encode(message))
end
local function drop(one)
  local key = string.gsub(set, '^mcp:streams:', 'mcp:stream:') .. ':' .. one
  local reader = redis.call('HGET', key, 'reader')
  redis.call('DEL', key, key .. ':log')
  redis.call('ZREM', set, one)
  notify(reader, {['end'] = true})
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

/** ARGV: owner, reader, time, last words, scopes. */
export const BEGIN = `${PRELUDE}
redis.call('HSET', meta, 'owner', ARGV[3], 'scopes', ARGV[7], 'next', 2, 'chars', 0, 'reader', ARGV[4],
  'lastWords', ARGV[6], 'writer', string.match(ARGV[4], '^%S+'))
redis.call('XADD', log, '1-0', 'd', '')
redis.call('ZADD', set, ARGV[5], name)
for _, oldest in ipairs(redis.call('ZRANGE', set, 0, -1 - ${MAX_STREAMS})) do drop(oldest) end
touch()
return after('0')`;

/**
 * ARGV: data, whether it is the last, characters to keep, the inbox of who appends. Answers its number, 0 once over; then
 * the token of the reader, if its inbox is that one.
 */
export const APPEND = `${PRELUDE}
local data, last, own = ARGV[3], ARGV[4] == '1', ARGV[6]
local state = redis.call('HMGET', meta, 'owner', 'over', 'reader')
if not state[1] or state[2] then return {0} end
local n = append(data, last, tonumber(ARGV[5]))
local inbox, token = string.match(state[3] or '', '^(%S+) (%S+)$')
if inbox == own then return {n, token} end
notify(state[3], {n = n, data = data, over = last})
return {n}`;

/** Ends a call whose process died. */
export const LOSE = `${PRELUDE}
local state = redis.call('HMGET', meta, 'lastWords', 'over', 'reader')
if not state[1] or state[2] then return 0 end
local n = append(state[1], true, math.huge)
notify(state[3], {n = n, data = state[1], over = true})
return n`;

/** ARGV: owner, new reader, time, number of the last event seen. What came after it; nil when there is a gap. */
export const RESUME = `${PRELUDE}
local state = redis.call('HMGET', meta, 'owner', 'next', 'reader')
local seen = tonumber(ARGV[6])
if state[1] ~= ARGV[3] or seen >= tonumber(state[2]) then return nil end
local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
if not first or tonumber(string.match(first[1], '^%d+')) > seen + 1 then return nil end
notify(state[3], {['end'] = true})
redis.call('HSET', meta, 'reader', ARGV[4])
redis.call('ZADD', set, ARGV[5], name)
touch()
return after(ARGV[6])`;

/** ARGV: reader, number of the last event seen. What came after it; nil when the stream is gone or read by another. */
export const TAIL = `${PRELUDE}
if redis.call('HGET', meta, 'reader') ~= ARGV[3] then return nil end
touch()
return after(ARGV[4])`;

/** ARGV: reader. */
export const STOP = `${PRELUDE}
if redis.call('HGET', meta, 'reader') == ARGV[3] then redis.call('HDEL', meta, 'reader') end
touch()
return 1`;

/** Without a name, every stream of the session. */
export const DROP = `${PRELUDE}
for _, one in ipairs(name == '' and redis.call('ZRANGE', set, 0, -1) or {name}) do drop(one) end
return 1`;
