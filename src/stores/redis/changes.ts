import { memoryBus } from '../memory/bus.js';
import type { Change, ChangeBus } from '../types.js';
import { type Connection, PREFIX } from './connection.js';

const LOG = `${PREFIX}changes`;
const CHANNEL = `${PREFIX}bus:changes`;
/** Changes kept for sessions whose streams no replica holds just now. */
const MAX_KEPT = 1000;

/** Carries changes to every replica, in one order for all: that of a log, which shows what a lost message had said. */
export function redisChanges(connection: Connection, retainMs: number): ChangeBus {
  const local = memoryBus<Positioned>();
  let seen: string | undefined;
  let reading: Promise<void> | undefined;

  const deliver = (next: Positioned) => {
    if (seen !== undefined && !isLater(next.position, seen)) return;
    seen = next.position;
    local.publish(next);
  };
  const since = (position: string) =>
    connection.run(async (client) => {
      const entries = await client.xRange(LOG, `(${position}`, '+');
      return (entries ?? []).map(({ id, message }) => ({
        change: JSON.parse(message['d'] ?? '') as Change,
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
  const end = () =>
    connection.run(async (client) => (await client.xRevRange(LOG, '+', '-', { COUNT: 1 }))?.[0]?.id ?? '0-0');

  const stopListening = connection.subscribe(CHANNEL, (text) => {
    const [, position = '', before, change = ''] = /^(\S+) (\S+) (.*)$/s.exec(text) ?? [];
    if (seen !== undefined && before !== seen) void (reading ?? Promise.resolve()).then(fill);
    else deliver({ change: JSON.parse(change) as Change, position });
  });
  const stopFilling = connection.onSubscribed(() => void fill());

  return {
    publish(change) {
      const args = [JSON.stringify(change), String(MAX_KEPT), String(retainMs), CHANNEL];
      connection
        .run((client) => client.eval(PUBLISH, { keys: [LOG], arguments: args }))
        .catch(() => local.publish({ change, position: '' })); // Redis is away: at least who listens here is told
    },
    subscribe: (listener) => local.subscribe(({ change, position }) => listener(change, position)),
    end,
    since,
    async close() {
      stopListening();
      stopFilling();
      await local.close();
    },
  };
}

interface Positioned {
  readonly change: Change;
  /** Id of its entry in the log. */
  readonly position: string;
}

function isLater(one: string, other: string): boolean {
  const [ms = 0, n = 0] = one.split('-').map(Number);
  const [otherMs = 0, otherN = 0] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && n > otherN);
}

/** As one step, so that the messages come in the order of the log; each names the entry before its own. */
const PUBLISH = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'd', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], id .. ' ' .. (last and last[1] or '0-0') .. ' ' .. ARGV[1])
return id`;
