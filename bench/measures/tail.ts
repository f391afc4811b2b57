/** The slowest answers at a rate that the bare SDK can keep up with. */
import { driveAtRate } from '../load.js';
import type { Era } from '../requests.js';
import { atMost, type Section } from '../report.js';
import { median, quantile } from '../stats.js';
import { type Contestant, runRounds } from './rounds.js';
import { closeAll, contestants, ERAS, type Setup } from './setup.js';

const SHARE = 0.7;
const ROUNDS = 8;
const ROUND_MS = 2000;

export async function measureTail(setup: Setup): Promise<readonly Section[]> {
  const bare = await contestants(setup, 'bare', { kind: 'bare' });
  const ours = await contestants(setup, 'ours', { kind: 'ours' });
  const results = await runRounds([...bare, ...ours], setup.plan);
  const sections: Section[] = [];
  for (const [index, era] of ERAS.entries()) {
    const perSecond = SHARE * median(results('bare', era).perSecond);
    const pair = { bare: bare[index] as Contestant, ours: ours[index] as Contestant };
    sections.push(await compare(era, pair, perSecond, setup.scale));
  }
  await closeAll([...bare, ...ours]);
  return sections;
}

async function compare(
  era: Era,
  { bare, ours }: { readonly bare: Contestant; readonly ours: Contestant },
  perSecond: number,
  scale: number,
): Promise<Section> {
  const rounds = { bare: [] as number[][], ours: [] as number[][] };
  for (let round = 0; round < Math.max(2, ROUNDS * scale); round += 1) {
    rounds.bare.push(await once(bare, perSecond));
    rounds.ours.push(await once(ours, perSecond));
  }
  const over = (all: readonly number[][], share: number) =>
    median(all.map((times) => quantile(times, share)));
  const row = (label: string, all: readonly number[][]) => [label, over(all, 0.5), over(all, 0.99)] as const;
  const times = over(rounds.ours, 0.99) / over(rounds.bare, 0.99);
  return {
    title: `Answers at ${Math.round(perSecond)} requests per second, ms from when each was due, ${era} era`,
    columns: ['Server', 'p50', 'p99'],
    rows: [row('bare SDK', rounds.bare), row('this template, every layer on', rounds.ours)],
    goals: [
      atMost(`${era} era: p99 at 70 % of the bare SDK's throughput ÷ the bare SDK's`, times, {
        must: 1.5,
        goal: 1,
      }),
    ],
  };
}

function once({ server, exchanges }: Contestant, perSecond: number): Promise<number[]> {
  return driveAtRate({ port: server.port, exchanges, maxMs: ROUND_MS }, perSecond);
}
