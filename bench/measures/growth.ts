/** What a call and a list cost as the number of tools grows. */
import { ECHO, type Era, LIST } from '../requests.js';
import { atMost, type Section } from '../report.js';
import { median, ratio } from '../stats.js';
import { answersOf } from './calls.js';
import { type Contestant, type Results, runRounds } from './rounds.js';
import { closeAll, contestants, ERAS, type Setup } from './setup.js';

const SIZES = [1, 10, 100, 1000] as const;
const MOST = 1000;

export async function measureGrowth(setup: Setup): Promise<readonly Section[]> {
  const bare = await run(setup, 'bare');
  const ours = await run(setup, 'ours');
  return ERAS.map((era) => {
    const cpuUs = (results: Results, size: number) => results(String(size), era).cpuUs;
    const growth = ratio(cpuUs(ours, MOST), cpuUs(ours, 1)).median;
    return {
      title: `\`tools/call\` by the number of tools, ${era} era, CPU per request in µs`,
      columns: ['Tools', 'Bare SDK', 'This template'],
      rows: SIZES.map((size) => [String(size), median(cpuUs(bare, size)), median(cpuUs(ours, size))]),
      goals: [atMost(`${era} era: CPU of a call, 1,000 tools ÷ 1 tool`, growth, { goal: 1.05 })],
    };
  });
}

async function run(setup: Setup, kind: 'bare' | 'ours'): Promise<Results> {
  const all: Contestant[] = [];
  for (const tools of SIZES) {
    all.push(...(await contestants(setup, String(tools), { kind, tools }, ECHO)));
  }
  const results = await runRounds(all, setup.plan);
  await closeAll(all);
  return results;
}

export async function measureLists(setup: Setup): Promise<readonly Section[]> {
  const ours = await contestants(setup, 'ours', { kind: 'ours', tools: MOST }, LIST);
  const bodies = await answersOf(ours);
  const all = [
    ...ours,
    ...(await contestants(setup, 'floor', { kind: 'floor', bodies }, LIST)),
    ...(await contestants(setup, 'bare', { kind: 'bare', tools: MOST }, LIST)),
  ];
  const results = await runRounds(all, setup.plan);
  await closeAll(all);
  return ERAS.map((era) => toSection(era, bodies[era], results));
}

function toSection(era: Era, body: string, results: Results): Section {
  const labels = {
    floor: 'bare node:http, the same bytes',
    bare: 'bare SDK',
    ours: 'this template, every layer on',
  };
  const times = (name: string) => ratio(results(name, era).cpuUs, results('floor', era).cpuUs).median;
  return {
    title: `\`tools/list\` of 1,000 tools (${Math.round(body.length / 1024)} KiB), ${era} era`,
    columns: ['Server', 'Requests per second', 'CPU per request, µs', 'CPU ÷ floor'],
    rows: Object.entries(labels).map(([name, label]) => {
      const { perSecond, cpuUs } = results(name, era);
      return [label, median(perSecond), median(cpuUs), times(name)];
    }),
    goals: [
      atMost(`${era} era: list of 1,000 tools ÷ the floor sending the same bytes, CPU`, times('ours'), {
        must: 1.5,
        goal: 1.2,
      }),
    ],
  };
}
