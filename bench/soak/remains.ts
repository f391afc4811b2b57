/** What the servers still keep when their clients have gone and all times have run out. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { atMost, type Goal } from '../report.js';
import { type Fleet, IDLE_MS } from './fleet.js';

/** A question that nobody answers keeps its session, which then idles out. */
const WITHIN_MS = 3 * IDLE_MS;
const LOOK_MS = 500;

export async function remains(fleet: Fleet): Promise<readonly Goal[]> {
  const until = performance.now() + WITHIN_MS;
  for (;;) {
    const left = await count(fleet);
    if (left.every(([, n]) => n === 0) || performance.now() > until) {
      return left.map(([what, n]) => atMost(`Left: ${what}`, n, { goal: 0 }));
    }
    await sleep(LOOK_MS);
  }
}

async function count(fleet: Fleet): Promise<readonly (readonly [string, number])[]> {
  const metrics = await Promise.all(fleet.members.map(({ server }) => server.metrics()));
  const sum = (name: string) => metrics.reduce((total, value) => total + value(name), 0);
  const { subscriptions, tasks } = await inRedis(fleet.redis.url);
  return [
    ['sessions', sum('mcp_server_sessions')],
    ['streams', sum('mcp_server_streams')],
    ['subscriptions', subscriptions],
    ['tasks that work', tasks],
  ];
}

/** No metric has them, so Redis is asked. */
async function inRedis(url: string) {
  const client = createClient({ url });
  await client.connect();
  const channels = await client.pubSubChannels('mcp:*');
  const keys = await client.keys('mcp:task:*');
  const states = await Promise.all(keys.map((key) => client.hGet(key, 'status')));
  await client.close();
  return {
    subscriptions: channels.filter((channel) => !OWN_CHANNEL.test(channel)).length,
    tasks: states.filter((status) => status === 'working').length,
  };
}

/** Of each process for itself, whoever its clients are. */
const OWN_CHANNEL = /^mcp:(?:inbox|pulse|changes-lost)/;
