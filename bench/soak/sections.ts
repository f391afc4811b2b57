/** What a soak says of itself, and what it judges. */
import { spawnSync } from 'node:child_process';
import { atMost, type Section } from '../report.js';
import { failedVisits, judgeAnswers } from './answers.js';
import { matchAudit } from './audit-match.js';
import type { Fault } from './faults.js';
import { flatness, type Timed } from './flat.js';
import type { Fleet } from './fleet.js';
import type { Sent } from './ledger.js';
import type { Visit } from './traffic.js';

type Print = (text: string) => void;

const MAX_SHOWN = 20;
/** Samples for a row. */
const ROW_EVERY = 6;
/** A machine that is busy with other work exceeds the deadlines of a server, which then says so. */
const MAX_UNEXPLAINED = 5;

export const none = (what: string, reached: number) => atMost(what, reached, { goal: 0 });

export const row = (name: string, sample: Timed) => {
  const { second, heapMiB, rssMiB, descriptors, timers, sessions, streams } = sample;
  const counts = [descriptors, timers, sessions, streams].map(String);
  return [second.toFixed(0), name, heapMiB.toFixed(1), rssMiB.toFixed(0), ...counts];
};

export function memorySection(samples: ReadonlyMap<string, readonly Timed[]>): Section {
  const each = [...samples];
  return {
    title: 'What servers hold while the traffic lasts',
    columns: ['Second', 'Server', 'Heap, MiB', 'RSS, MiB', 'Descriptors', 'Timers', 'Sessions', 'Streams'],
    rows: each.flatMap(([name, own]) =>
      own.filter((_, i) => i % ROW_EVERY === ROW_EVERY - 1).map((sample) => row(name, sample)),
    ),
    goals: each.flatMap(([name, own]) => flatness(name, own)),
  };
}

export function answersSection(
  faults: readonly Fault[],
  visits: readonly Visit[],
  sent: readonly Sent[],
  print: Print,
): Section {
  const { wrong, unexplained } = judgeAnswers(sent, faults);
  const failed = failedVisits(visits, faults);
  const outcomes = (wanted: string) => visits.filter(({ outcome }) => outcome === wanted).length;
  const counts = ['done', 'put off', 'cut', 'lost'].map((outcome) => `${outcomes(outcome)} ${outcome}`);
  const refused = sent.filter(({ status }) => status === 503).length;
  shown(unexplained, print);
  return {
    title: `${sent.length} requests of ${visits.length} visits (${counts.join(', ')}), ${refused} of them 503`,
    columns: ['Fault', 'Times', 'Seconds'],
    rows: [...new Set(faults.map(({ what }) => what))].map((what) => {
      const those = faults.filter((fault) => fault.what === what);
      const ms = those.reduce((sum, { from, to }) => sum + to - from, 0);
      return [what, those.length, ms / 1000];
    }),
    goals: [
      none('Wrong answers', shown(wrong, print)),
      none('Visits that were not answered as they expected', shown(failed.map(textOf), print)),
      atMost('503 while nothing was broken, of 1,000 answers', (unexplained.length / sent.length) * 1000, {
        goal: MAX_UNEXPLAINED,
      }),
    ],
  };
}

export async function auditSection(
  fleet: Fleet,
  sent: readonly Sent[],
  dropped: number,
  print: Print,
): Promise<Section> {
  const files = fleet.filesOf('audit');
  const { decisions, answers, results, unseen, problems } = await matchAudit(sent, files);
  const all = [...files, ...fleet.filesOf('checkpoints')];
  const verify = ['run', '-s', 'audit', '--', 'verify', ...all, '--key', fleet.publicKeyFile];
  const { status, stdout, stderr } = spawnSync('npm', verify, { encoding: 'utf8' });
  print(`npm run audit -- verify: exit code ${status}\n${stdout}${stderr}`);
  return {
    title: `The audit: ${decisions} decisions, ${answers} answers, ${results} with the result of a tool, ${unseen} whose client had gone`,
    columns: [],
    rows: [],
    goals: [
      none('Answers and decisions that do not match', shown(problems, print)),
      none('Records dropped', dropped),
      none('Exit code of npm run audit -- verify', status ?? 1),
    ],
  };
}

const textOf = ({ kind, from, error }: Visit) => `${new Date(from).toISOString()} ${kind}: ${String(error)}`;

/** @returns how many there are */
function shown(problems: readonly string[], print: Print): number {
  for (const problem of problems.slice(0, MAX_SHOWN)) print(problem);
  return problems.length;
}
