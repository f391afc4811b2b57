import { memoryBus } from '../memory/bus.js';
import type { Change, ChangeBus, MailBus, SessionMail } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

/** How many messages are kept, and how many characters of them. */
const MAX_KEPT = 1000;
const MAX_KEPT_CHARS = 16 * 1024 * 1024;
/** Answers of users: kept no longer than a replica takes to subscribe again. */
const MAIL_KEPT_MS = 30_000;

/** Changes, kept for sessions whose streams no replica holds just now. */
export function redisChanges(connection: Connection, retainMs: number): ChangeBus {
  const { publish, subscribe, tellHere, ...log } = openLog<Change>(connection, 'changes', retainMs);
  return {
    ...log,
    publish: (change) => void publish(change).catch(() => tellHere(change)), // at least who listens here is told
    subscribe: (listener) => subscribe(({ message, position }) => listener(message, position)),
    since: async (position) =>
      (await log.since(position)).map(({ message, ...entry }) => ({ ...entry, change: message })),
  };
}

/** Answers and cancellations on their way to the replica that waits for them. */
export function redisMail(connection: Connection): MailBus {
  const { publish, subscribe, close } = openLog<SessionMail>(connection, 'mail', MAIL_KEPT_MS);
  return { publish, close, subscribe: (listener) => subscribe(({ message }) => listener(message)) };
}

interface Entry<T> {
  readonly message: T;
  /** Its id in the log; empty where it is not in it. */
  readonly position: string;
}

/** Carries messages to every replica, in one order for all: that of a log, which shows what a lost one had said. */
function openLog<T>(connection: Connection, name: string, keepMs: number) {
  const key = `${PREFIX}${name}`;
  const channel = `${PREFIX}bus:${name}`;
  const local = memoryBus<Entry<T>>();
  let seen: string | undefined;
  let reading: Promise<void> | undefined;

  const deliver = (next: Entry<T>) => {
    if (seen !== undefined && !isLater(next.position, seen)) return;
    seen = next.position;
    local.publish(next);
  };
  const end = () =>
    connection.run(async (client) => (await client.xRevRange(key, '+', '-', { COUNT: 1 }))?.[0]?.id ?? '0-0');
  const since = (position: string): Promise<Entry<T>[]> =>
    connection.run(async (client) => {
      const entries = await client.xRange(key, `(${position}`, '+');
      return (entries ?? []).map(({ id, message }) => ({
        message: JSON.parse(message['d'] ?? '') as T,
        position: id,
      }));
    });
  const readOn = async () => {
    if (seen === undefined) seen = await end();
    for (const missed of await since(seen)) deliver(missed);
  };
  /** Redis may be away: then the next message or connection shows the gap again. */
  const fill = () =>
    (reading ??= readOn()
      .catch(() => {})
      .finally(() => (reading = undefined)));

  const stopListening = connection.subscribe(channel, (text) => {
    const [, position = '', before, message = ''] = /^(\S+) (\S+) (.*)$/s.exec(text) ?? [];
    if (seen !== undefined && before !== seen) void (reading ?? Promise.resolve()).then(fill);
    else deliver({ message: JSON.parse(message) as T, position });
  });
  const stopFilling = connection.onSubscribed(() => void fill());

  return {
    async publish(message: T): Promise<void> {
      const args = [JSON.stringify(message), channel, ...[keepMs, MAX_KEPT, MAX_KEPT_CHARS].map(String)];
      await connection.run((client) => client.eval(PUBLISH, { keys: [key], arguments: args }));
    },
    tellHere: (message: T) => local.publish({ message, position: '' }),
    subscribe: local.subscribe,
    end,
    since,
    async close() {
      stopListening();
      stopFilling();
      await local.close();
    },
  };
}

function isLater(one: string, other: string): boolean {
  const [ms = 0, n = 0] = one.split('-').map(Number);
  const [otherMs = 0, otherN = 0] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && n > otherN);
}

/**
 * As one step, so that the messages come in the order of the log; each names the entry before its own. An entry's `c`
 * counts the characters up to it, so that those between two entries are known.
 * ARGV: message, channel, then what is kept at most: milliseconds, entries, characters.
 */
const PUBLISH = `
local log, data, keep, entries, chars = KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
local count = (last and tonumber(last[2][4]) or 0) + #data
local id = redis.call('XADD', log, '*', 'd', data, 'c', count)
local oldest = tonumber(string.match(id, '^%d+')) - keep
while true do
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if first[1] == id then break end
  local isOld = tonumber(string.match(first[1], '^%d+')) < oldest
  if not isOld and redis.call('XLEN', log) <= entries and count - first[2][4] <= chars then break end
  redis.call('XDEL', log, first[1])
end
redis.call('PEXPIRE', log, keep)
redis.call('PUBLISH', ARGV[2], id .. ' ' .. (last and last[1] or '0-0') .. ' ' .. data)
return id`;
