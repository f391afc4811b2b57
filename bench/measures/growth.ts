/** What a call and a list cost as the number of tools grows. */
import { send } from '../load.js';
import { ECHO, type Era, LIST } from '../requests.js';
import type { Section } from '../report.js';
import { median, ratio } from '../stats.js';
import { type Contestant, type Rounds, runRounds } from './rounds.js';
import { bodyOf, closeAll, contestant, type Setup } from './setup.js';

const SIZES = [1, 10, 100, 1000] as const;
const MOST = 1000;

export async function measureGrowth(setup: Setup, era: Era): Promise<Section> {
  const bare = await run(setup, era, 'bare');
  const ours = await run(setup, era, 'ours');
  const of = (results: ReadonlyMap<string, Rounds>, size: number) => results.get(String(size)) as Rounds;
  const growth = ratio(of(ours, MOST).cpuUs, of(ours, 1).cpuUs).median;
  return {
    title: `\`tools/call\` by the number of tools, ${era} era, CPU per request in µs`,
    columns: ['Tools', 'Bare SDK', 'This template'],
    rows: SIZES.map((size) => [String(size), median(of(bare, size).cpuUs), median(of(ours, size).cpuUs)]),
    goals: [
      {
        what: `${era} era: CPU of a call, 1,000 tools ÷ 1 tool`,
        reached: growth,
        limit: 1.05,
        isAtLeast: false,
      },
    ],
  };
}

async function run(setup: Setup, era: Era, kind: 'bare' | 'ours'): Promise<ReadonlyMap<string, Rounds>> {
  const contestants: Contestant[] = [];
  for (const tools of SIZES) {
    contestants.push(await contestant(setup, String(tools), { kind, era, tools }, ECHO));
  }
  const results = await runRounds(contestants, setup.plan);
  await closeAll(contestants);
  return results;
}

export async function measureLists(setup: Setup, era: Era): Promise<Section> {
  const ours = await contestant(setup, 'ours', { kind: 'ours', era, tools: MOST }, LIST);
  const body = bodyOf(await send(ours.server.port, ours.exchanges[0] ?? { request: Buffer.alloc(0) }));
  const contestants = [
    ours,
    await contestant(setup, 'floor', { kind: 'floor', era, body }, LIST),
    await contestant(setup, 'bare', { kind: 'bare', era, tools: MOST }, LIST),
  ];
  const results = await runRounds(contestants, setup.plan);
  await closeAll(contestants);
  const of = (name: string) => results.get(name) as Rounds;
  const rows = [
    ['floor', 'bare node:http, the same bytes'],
    ['bare', 'bare SDK'],
    ['ours', 'this template, every layer on'],
  ] as const;
  const times = ratio(of('ours').cpuUs, of('floor').cpuUs).median;
  return {
    title: `\`tools/list\` of 1,000 tools (${Math.round(body.length / 1024)} KiB), ${era} era`,
    columns: ['Server', 'Requests per second', 'CPU per request, µs', 'CPU ÷ floor'],
    rows: rows.map(([name, label]) => [
      label,
      median(of(name).perSecond),
      median(of(name).cpuUs),
      ratio(of(name).cpuUs, of('floor').cpuUs).median,
    ]),
    goals: [
      {
        what: `${era} era: list of 1,000 tools ÷ the floor sending the same bytes, CPU`,
        reached: times,
        limit: 1.5,
        isAtLeast: false,
      },
    ],
  };
}
