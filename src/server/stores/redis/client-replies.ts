import type { ClientReplies, ClientReply } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

/** Long enough for a replica to subscribe again; no longer, since these are answers of users. */
const KEPT_MS = 30_000;
/** How far back the log is read at first: a call asks for it within a second of its beginning. */
const RECENT_MS = 2000;
const MAX_KEPT = 100;
const MAX_KEPT_CHARS = 2 * 1024 * 1024;
/** Entries read at once: each may be as large as a body. */
const READ_COUNT = 10;

type Entry = readonly [id: string, fields: readonly string[]];

/**
 * Answers and cancellations on their way to the replicas that run a call of the session. A log of the session keeps them,
 * and its channel only announces that there is more to read: a replica that was cut off reads what it missed.
 */
export function redisClientReplies(connection: Connection): ClientReplies {
  /** How each subscriber reads on. */
  const readers = new Set<() => void>();
  const stopOnBack = connection.onBack(() => readers.forEach((read) => read()));

  return {
    async publish(reply) {
      const { sessionId } = reply;
      const bounds = [KEPT_MS, MAX_KEPT, MAX_KEPT_CHARS].map(String);
      const call = {
        keys: [repliesKey(sessionId)],
        arguments: [JSON.stringify(reply), channelOf(sessionId), ...bounds],
      };
      await connection.run((client) => client.eval(PUBLISH, call));
    },
    subscribe(sessionId, listener) {
      let seen = '';
      let reading = Promise.resolve();
      let isStopped = false;
      const readOn = async (): Promise<void> => {
        const call = {
          keys: [repliesKey(sessionId)],
          arguments: [seen, String(RECENT_MS), String(READ_COUNT)],
        };
        const [from, entries] = (await connection.run((client) => client.eval(READ, call))) as [
          string,
          Entry[],
        ];
        seen = entries.at(-1)?.[0] ?? from;
        for (const [, [, data = '']] of entries) if (!isStopped) listener(JSON.parse(data) as ClientReply);
        if (entries.length === READ_COUNT) await readOn();
      };
      const read = () => void (reading = reading.then(readOn).catch(() => {})); // while Redis is away; then it is read when it is back
      readers.add(read);
      const { listening, stop } = connection.subscribe(channelOf(sessionId), read);
      void listening.then(read);
      return () => {
        isStopped = true;
        readers.delete(read);
        stop();
      };
    },
    async close() {
      stopOnBack();
      readers.clear();
    },
  };
}

/** The log of a session, which ends with it. */
export const repliesKey = (sessionId: string) => `${PREFIX}replies:{${sessionId}}`;
const channelOf = (sessionId: string) => `${PREFIX}replied:${sessionId}`;

/**
 * What came after an entry; without one, in the last moment.
 * ARGV: the entry, milliseconds, how many at most. Answers the entry read from, and the entries.
 */
const READ = `
local from = ARGV[1]
if from == '' then
  local time = redis.call('TIME')
  from = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2])
end
return {from, redis.call('XRANGE', KEYS[1], '(' .. from, '+', 'COUNT', ARGV[3])}`;

/**
 * An entry's `c` counts the characters up to it, so that those between two entries are known.
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
redis.call('PUBLISH', ARGV[2], '')
return id`;
