/** Keeps the newest whole run of each Node, and shows them in the document: the reference in full, the others beside it. */
import { readFile, writeFile } from 'node:fs/promises';
import { barChart } from './chart.js';
import { CALL_SERVERS, type CallSection } from './measures/calls.js';
import { compared, describe, goalsTable, type Machine, type Section, toMarkdown } from './report.js';

/** The Node of the image. */
export const REFERENCE = '24';

const DOCUMENT = 'docs/performance.md';
const CHART = 'docs/performance.svg';
const RESULTS = 'bench/results.json';

export interface Run {
  readonly machine: Machine;
  readonly sections: readonly Section[];
}

export async function writeRun(run: Run): Promise<void> {
  const [major = ''] = run.machine.node.slice(1).split('.');
  const runs = { ...(JSON.parse(await readFile(RESULTS, 'utf8')) as Record<string, Run>), [major]: run };
  const { [REFERENCE]: reference, ...others } = runs;
  await writeFile(RESULTS, `${JSON.stringify(runs, null, 2)}\n`);
  if (!reference) return;
  await writeFile(CHART, chartOf(reference));
  await writeResults(resultsOf(reference, others));
  console.log(`Written: ${DOCUMENT}, ${CHART}, ${RESULTS}`);
}

async function writeResults(results: string): Promise<void> {
  const [begin, end] = ['<!-- results: written by `npm run bench` -->', '<!-- end of results -->'];
  const text = await readFile(DOCUMENT, 'utf8');
  const [before = '', after = ''] = [text.split(begin)[0], text.split(end)[1]];
  await writeFile(DOCUMENT, `${before}${begin}\n\n${results}\n\n${end}${after}`);
}

function resultsOf(reference: Run, others: Readonly<Record<string, Run>>): string {
  const parts = [
    `${describe(reference.machine)}.`,
    goalsTable(reference.sections),
    ...callsOf(reference).map(toMarkdown), // the others are in RESULTS
  ];
  const versions = Object.keys(others);
  if (versions.length > 0) {
    const columns = Object.fromEntries(
      [[REFERENCE, reference] as const, ...Object.entries(others)].map(
        ([version, { sections }]) => [`Node ${version}`, sections] as const,
      ),
    );
    parts.push(`### On Node ${versions.join(' and ')}`, compared(columns));
  }
  return parts.join('\n\n');
}

function callsOf({ sections }: Run): readonly CallSection[] {
  return sections.filter((section): section is CallSection => 'shares' in section);
}

function chartOf(run: Run): string {
  return barChart(
    callsOf(run).map(({ title, shares }) => ({
      title: `${title.replaceAll('`', '')}: requests per second ÷ bare SDK`,
      bars: (['bare', 'naive', 'ours'] as const).map((name) => ({
        label: CALL_SERVERS[name],
        value: shares[name],
        isOurs: name === 'ours',
      })),
    })),
  );
}
