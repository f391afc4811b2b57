import { memoryBus } from '../memory/bus.js';
import type { ClientReplies, ClientReply } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

/** Named as replicas of the version before name them: one may wait for an answer while it is replaced. */
const LOG = `${PREFIX}mail`;
const CHANNEL = `${PREFIX}bus:mail`;
/** Long enough for a replica to subscribe again; no longer, since these are answers of users. */
const KEPT_MS = 30_000;
const MAX_KEPT = 1000;
const MAX_KEPT_CHARS = 16 * 1024 * 1024;
/** Entries read at once: each may be as large as a body. */
const READ_COUNT = 10;

/**
 * Answers and cancellations on their way to the replica that waits for them. A log keeps them, and the channel only
 * announces that there is more to read: a replica that was cut off reads what it missed.
 */
export function redisClientReplies(connection: Connection): ClientReplies {
  const local = memoryBus<ClientReply>();
  let seen = '0-0';
  let reading = Promise.resolve();
  const readOn = async (): Promise<void> => {
    const range = await connection.run((client) =>
      client.xRange(LOG, `(${seen}`, '+', { COUNT: READ_COUNT }),
    );
    const entries = range ?? [];
    for (const { id, message } of entries) {
      seen = id;
      local.publish(JSON.parse(message['d'] ?? '') as ClientReply);
    }
    if (entries.length === READ_COUNT) await readOn();
  };
  const read = () => void (reading = reading.then(readOn).catch(() => {})); // while Redis is away; then it is read when it is back
  const stops = [connection.subscribe(CHANNEL, read), connection.onBack(read)];

  return {
    subscribe: local.subscribe,
    async publish(reply) {
      const args = [JSON.stringify(reply), CHANNEL, ...[KEPT_MS, MAX_KEPT, MAX_KEPT_CHARS].map(String)];
      await connection.run((client) => client.eval(PUBLISH, { keys: [LOG], arguments: args }));
    },
    async close() {
      for (const stop of stops) stop();
      await local.close();
    },
  };
}

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
