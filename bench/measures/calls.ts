/** `tools/call` of a small echo: the floor, the bare SDK, the SDK behind the usual middleware, and this template. */
import { send } from '../load.js';
import type { Era } from '../requests.js';
import { atLeast, atMost, type Goal, type Section } from '../report.js';
import { median, ratio, spread } from '../stats.js';
import { type Contestant, type Results, runRounds } from './rounds.js';
import { bodyOf, closeAll, contestants, ERAS, type Setup } from './setup.js';

export const CALL_SERVERS = {
  floor: 'bare node:http, the same bytes',
  bare: 'bare SDK',
  naive: 'SDK behind the usual middleware',
  engine: 'this template without its layers',
  ours: 'this template, every layer on',
} as const;
type Name = keyof typeof CALL_SERVERS;

const GOALS = {
  '2025': {
    title: 'bare SDK 1.x, stateful JSON',
    bare: { must: 1, goal: 1.25 },
    naive: { must: 1.8, goal: 2.5 },
  },
  '2026': {
    title: 'bare createMcpHandler',
    bare: { must: 1.8, goal: 2.5 },
    naive: { must: 2.2, goal: 3 },
  },
} as const;

export interface CallSection extends Section {
  /** Requests per second as a share of the bare SDK's. */
  readonly shares: Readonly<Record<Name, number>>;
}

export async function measureCalls(setup: Setup): Promise<readonly CallSection[]> {
  const bare = await contestants(setup, 'bare', { kind: 'bare' });
  const all = [...bare];
  const bodies = await answersOf(bare);
  for (const kind of ['floor', 'naive', 'engine', 'ours'] as const) {
    all.push(...(await contestants(setup, kind, { kind, bodies })));
  }
  const results = await runRounds(all, setup.plan);
  await closeAll(all);
  return ERAS.map((era) => toSection(era, results));
}

/** What a floor has to answer with. */
export async function answersOf(all: readonly Contestant[]): Promise<Record<Era, string>> {
  const bodies = { '2025': '', '2026': '' };
  for (const { era, server, exchanges } of all) {
    bodies[era] = bodyOf(await send(server.port, exchanges[0] ?? { request: Buffer.alloc(0) }));
  }
  return bodies;
}

function toSection(era: Era, results: Results): CallSection {
  const names = Object.keys(CALL_SERVERS) as Name[];
  const share = (name: Name, base: Name) =>
    ratio(results(name, era).perSecond, results(base, era).perSecond).median;
  const cpu = (name: Name) => median(results(name, era).cpuUs);
  const rows = names.map((name) => {
    const { median: perSecond, low, high } = spread(results(name, era).perSecond);
    const range = `${Math.round(low)}–${Math.round(high)}`;
    const cpuShare = ratio(results(name, era).cpuUs, results('bare', era).cpuUs).median;
    return [
      CALL_SERVERS[name],
      perSecond,
      range,
      share(name, 'bare'),
      share(name, 'floor'),
      cpu(name),
      cpuShare,
    ];
  });
  const shares = Object.fromEntries(names.map((name) => [name, share(name, 'bare')]));
  return {
    title: `\`tools/call\` of a small echo, ${era} era, 32 connections`,
    columns: [
      'Server',
      'Requests per second',
      'Middle half',
      '÷ bare SDK',
      '÷ floor',
      'CPU per request, µs',
      'CPU ÷ bare SDK',
    ],
    rows,
    goals: goalsOf(era, share, results),
    shares: shares as CallSection['shares'],
  };
}

function goalsOf(era: Era, share: (name: Name, base: Name) => number, results: Results): readonly Goal[] {
  const { title, bare, naive } = GOALS[era];
  const engine = results('engine', era).cpuUs;
  const layersUs = median(results('ours', era).cpuUs.map((us, round) => us - (engine[round] ?? 0)));
  return [
    atLeast(`${era} era: every layer on ÷ ${title}, requests per second`, share('ours', 'bare'), bare),
    atLeast(
      `${era} era: every layer on ÷ SDK behind the usual middleware, requests per second`,
      share('ours', 'naive'),
      naive,
    ),
    atLeast(`${era} era: every layer on ÷ floor, requests per second`, share('ours', 'floor'), {
      must: 0.2,
      goal: 0.25,
    }),
    atMost(`${era} era: all security layers together, CPU per request`, layersUs, {
      must: 120,
      goal: 60,
      unit: ' µs',
    }),
  ];
}
