/** What it costs to share sessions, streams and limits between replicas. */
import { hasRedis, startRedis } from '../../test/helpers/redis-server.js';
import type { Goal, Section } from '../report.js';
import { median, ratio } from '../stats.js';
import { type Rounds, runRounds } from './rounds.js';
import { closeAll, contestant, ERAS, type Setup } from './setup.js';

export async function measureRedis(setup: Setup): Promise<Section> {
  const title = '`tools/call` of a small echo, stores in Redis against stores in memory, every layer on';
  if (!hasRedis) {
    return { title, columns: ['Skipped'], rows: [['redis-server is not installed']], goals: [] };
  }
  const redis = await startRedis();
  const rows: Section['rows'][number][] = [];
  const goals: Goal[] = [];
  for (const era of ERAS) {
    const contestants = [
      await contestant(setup, 'memory', { kind: 'ours', era }),
      await contestant(setup, 'redis', { kind: 'ours', era, redisUrl: redis.url }),
    ];
    const results = await runRounds(contestants, setup.plan);
    await closeAll(contestants);
    const of = (name: string) => (results.get(name) as Rounds).perSecond;
    const share = ratio(of('redis'), of('memory')).median;
    rows.push([era, median(of('memory')), median(of('redis')), share]);
    const what = `${era} era: stores in Redis ÷ stores in memory, requests per second`;
    goals.push({ what, reached: share, limit: 0.8, isAtLeast: true });
  }
  await redis.stop();
  const columns = [
    'Era',
    'In memory, requests per second',
    'In Redis, requests per second',
    'Redis ÷ memory',
  ];
  return { title, columns, rows, goals };
}
