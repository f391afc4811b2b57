/** `tools/call` of a small echo: the floor, the bare SDK, the SDK behind the usual middleware, and this template. */
import { send } from '../load.js';
import type { Era } from '../requests.js';
import type { Goal, Section } from '../report.js';
import { median, ratio, spread } from '../stats.js';
import { type Rounds, runRounds } from './rounds.js';
import { bodyOf, closeAll, contestant, type Setup } from './setup.js';

export const CALL_SERVERS = {
  floor: 'bare node:http, the same bytes',
  bare: 'bare SDK',
  naive: 'SDK behind the usual middleware',
  engine: 'this template without its layers',
  ours: 'this template, every layer on',
} as const;
type Name = keyof typeof CALL_SERVERS;

const GOALS = {
  '2025': { title: 'bare SDK 1.x, stateful JSON', limit: 1.25 },
  '2026': { title: 'bare createMcpHandler', limit: 2 },
} as const;

export interface CallSection extends Section {
  /** Requests per second as a share of the bare SDK's. */
  readonly shares: Readonly<Record<Name, number>>;
}

export async function measureCalls(setup: Setup, era: Era): Promise<CallSection> {
  const bare = await contestant(setup, 'bare', { kind: 'bare', era });
  const answer = await send(bare.server.port, bare.exchanges[0] ?? { request: Buffer.alloc(0) });
  const body = bodyOf(answer);
  const contestants = [bare];
  for (const kind of ['floor', 'naive', 'engine', 'ours'] as const) {
    contestants.push(await contestant(setup, kind, { kind, era, body }));
  }
  const results = await runRounds(contestants, setup.plan);
  await closeAll(contestants);
  return toSection(era, results);
}

function toSection(era: Era, results: ReadonlyMap<string, Rounds>): CallSection {
  const of = (name: Name) => results.get(name) as Rounds;
  const names = Object.keys(CALL_SERVERS) as Name[];
  const share = (name: Name, base: Name) => ratio(of(name).perSecond, of(base).perSecond);
  const layersUs = median(of('ours').cpuUs) - median(of('engine').cpuUs);
  const { title, limit } = GOALS[era];
  const goals: Goal[] = [
    {
      what: `${era} era: every layer on ÷ ${title}, requests per second`,
      reached: share('ours', 'bare').median,
      limit,
      isAtLeast: true,
    },
    {
      what: `${era} era: every layer on ÷ floor, requests per second`,
      reached: share('ours', 'floor').median,
      limit: 0.18,
      isAtLeast: true,
    },
    {
      what: `${era} era: all security layers together, CPU per request`,
      reached: layersUs,
      limit: 60,
      isAtLeast: false,
      unit: ' µs',
    },
  ];
  return {
    title: `\`tools/call\` of a small echo, ${era} era, 32 connections`,
    columns: ['Server', 'Requests per second', 'Middle half', 'CPU per request, µs', '÷ bare SDK', '÷ floor'],
    rows: names.map((name) => {
      const { median: perSecond, low, high } = spread(of(name).perSecond);
      const range = `${Math.round(low)}–${Math.round(high)}`;
      const shares = [share(name, 'bare').median, share(name, 'floor').median];
      return [CALL_SERVERS[name], perSecond, range, median(of(name).cpuUs), ...shares];
    }),
    goals,
    shares: Object.fromEntries(
      names.map((name) => [name, share(name, 'bare').median]),
    ) as CallSection['shares'],
  };
}
