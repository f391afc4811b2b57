/** What it costs to share sessions, streams and limits between replicas. */
import { hasRedis, startRedis } from '../../test/helpers/redis-server.js';
import { atLeast, type Section } from '../report.js';
import { median, ratio } from '../stats.js';
import { runRounds } from './rounds.js';
import { closeAll, contestants, ERAS, type Setup } from './setup.js';

export async function measureRedis(setup: Setup): Promise<Section> {
  const title = '`tools/call` of a small echo, stores in Redis against stores in memory, every layer on';
  if (!hasRedis) {
    return { title, columns: ['Skipped'], rows: [['redis-server is not installed']], goals: [] };
  }
  const redis = await startRedis();
  const all = [
    ...(await contestants(setup, 'memory', { kind: 'ours' })),
    ...(await contestants(setup, 'redis', { kind: 'ours', redisUrl: redis.url })),
  ];
  const results = await runRounds(all, setup.plan);
  await closeAll(all);
  await redis.stop();
  const measured = ERAS.map((era) => {
    const [inMemory, inRedis] = [results('memory', era).perSecond, results('redis', era).perSecond];
    return { era, inMemory, inRedis, share: ratio(inRedis, inMemory).median };
  });
  return {
    title,
    columns: ['Era', 'In memory, requests per second', 'In Redis, requests per second', 'Redis ÷ memory'],
    rows: measured.map(({ era, inMemory, inRedis, share }) => [
      era,
      median(inMemory),
      median(inRedis),
      share,
    ]),
    goals: measured.map(({ era, share }) =>
      atLeast(`${era} era: stores in Redis ÷ stores in memory, requests per second`, share, {
        must: 0.9,
        goal: 0.95,
      }),
    ),
  };
}
