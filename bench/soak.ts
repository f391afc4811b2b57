/**
 * `npm run soak -- --minutes N`: does what the server keeps reach a plateau, and is it gone when its clients are?
 *
 * - Mixed traffic against the built server with its defaults, for N minutes (default 15). What is kept longest, the log
 *   of a stream, is kept for six minutes: the second half must not grow.
 * - One minute of it against a server whose sessions and questions end after 30 s: of sessions and streams nothing may be left.
 *
 * Exit code: 0, or 1 when something grows, remains or was answered wrongly.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { hold } from './hold.js';
import { type Issuer, startIssuer } from './identity.js';
import { atMost, isMissed, type Section, toText } from './report.js';
import { HEAP_MIB, type Sample, type SoakServer, startSoakServer } from './soak/server.js';
import { VISITS } from './soak/visits.js';
import { median } from './stats.js';

const CALLERS = 24;
const VISITS_PER_SECOND = 20;
const SAMPLE_MS = 15_000;
const IDLE_MS = 30_000;
const SCOPES = 'documents:read documents:write';

interface Timed extends Sample {
  readonly minute: number;
}

interface Load {
  readonly visits: number;
  /** Refused with 503: others take the machine, and the server says so. */
  readonly putOff: number;
  readonly failures: readonly string[];
}

async function soak(minutes: number): Promise<readonly Section[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-soak-'));
  const issuer = await startIssuer();
  try {
    return [await plateau(folder, issuer, minutes), await remains(folder, issuer)];
  } finally {
    issuer.close();
    await rm(folder, { recursive: true });
  }
}

async function plateau(folder: string, issuer: Issuer, minutes: number): Promise<Section> {
  const server = await startSoakServer(folder, issuer.issuer, {});
  const samples: Timed[] = [];
  const startedAt = performance.now();
  const load = drive(server, issuer, minutes * 60_000);
  for (let next = SAMPLE_MS; next <= minutes * 60_000; next += SAMPLE_MS) {
    await sleep(startedAt + next - performance.now());
    samples.push({ minute: next / 60_000, ...(await server.sample()) });
    print(row(samples.at(-1) as Timed).join('\t'));
  }
  const { visits, putOff, failures } = await load;
  await server.close();
  const growth = (what: keyof Sample) => {
    const quarter = (n: number) => samples.slice((samples.length * n) / 4, (samples.length * (n + 1)) / 4);
    const middle = (n: number) => median(quarter(n).map((sample) => sample[what]));
    return (middle(3) / middle(2) - 1) * 100;
  };
  const grown = (what: keyof Sample, label: string, goal: number) =>
    atMost(`Growth from the third quarter to the last: ${label}`, growth(what), { goal, unit: ' %' });
  const cpu = ((samples.at(-1)?.cpuSeconds ?? 0) / minutes / 60) * 100;
  return {
    title: `${visits} visits of ${CALLERS} callers in ${minutes} minutes, ${putOff} put off, ${cpu.toFixed(0)} % of a core`,
    columns: COLUMNS,
    rows: samples.filter(({ minute }) => Number.isInteger(minute)).map(row),
    goals: [
      grown('heapMiB', 'heap', 5),
      grown('resources', 'sockets, files and timers', 10),
      // V8 keeps what it once took, up to its limit.
      atMost('Highest RSS: the heap and 128 MiB', Math.max(...samples.map(({ rssMiB }) => rssMiB)), {
        goal: HEAP_MIB + 128,
        unit: ' MiB',
      }),
      none('Answers other than expected', failures.length),
    ],
  };
}

async function remains(folder: string, issuer: Issuer): Promise<Section> {
  const server = await startSoakServer(folder, issuer.issuer, {
    SESSION_IDLE_MS: String(IDLE_MS),
    ASK_TIMEOUT_MS: String(IDLE_MS), // a call that waits for its user keeps its session
  });
  const load = drive(server, issuer, 60_000);
  await sleep(60_000);
  const samples: Timed[] = [{ minute: 1, ...(await server.sample()) }];
  const { failures } = await load;
  await sleep(IDLE_MS * 2);
  samples.push({ minute: 3, ...(await server.sample()) });
  await server.close();
  const [, last] = samples as [Timed, Timed];
  return {
    title: `A minute of it with SESSION_IDLE_MS=${IDLE_MS}, and what is left when all have gone`,
    columns: COLUMNS,
    rows: samples.map(row),
    goals: [
      none('Sessions left', last.sessions),
      none('Streams left', last.streams),
      none('Answers other than expected', failures.length),
    ],
  };
}

const COLUMNS = ['Minute', 'Heap, MiB', 'RSS, MiB', 'Sessions', 'Streams', 'Sockets, files, timers'];

const row = ({ minute, heapMiB, rssMiB, sessions, streams, resources }: Timed) => [
  String(minute),
  heapMiB,
  rssMiB,
  String(sessions),
  String(streams),
  String(resources),
];

const none = (what: string, reached: number) => atMost(what, reached, { goal: 0 });

/** Visits at a steady rate, of each kind in turn. */
async function drive({ url, files }: SoakServer, issuer: Issuer, forMs: number): Promise<Load> {
  const kinds = Object.entries(VISITS);
  const failures: string[] = [];
  let putOff = 0;
  const running = new Set<Promise<void>>();
  const visit = async (index: number) => {
    const [name, run] = kinds[index % kinds.length] as (typeof kinds)[number];
    const caller = `caller-${Math.floor(index / kinds.length) % CALLERS}`;
    const token = await issuer.sign(caller, { aud: url.href, scope: SCOPES });
    await run({ url, files, token }).catch((error: unknown) => {
      if (String(error).includes('"code":503')) putOff++;
      else failures.push(`${name}: ${String(error)}`);
    });
  };
  const until = performance.now() + forMs;
  let visits = 0;
  while (performance.now() < until) {
    const going = visit(visits++).finally(() => running.delete(going));
    running.add(going);
    await sleep(1000 / VISITS_PER_SECOND);
  }
  await Promise.all(running);
  for (const failure of new Set(failures)) print(failure);
  return { visits, putOff, failures };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '15' },
      hold: { type: 'boolean' },
      sessions: { type: 'string', default: '100000' },
      streams: { type: 'string', default: '20000' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return print('npm run soak [-- --minutes N | --hold [--sessions N] [--streams N]]');
  if (values.hold) {
    const held = { sessions: Number(values.sessions), streams: Number(values.streams) };
    return print(toText(await hold(held)));
  }
  const minutes = Number(values.minutes);
  if (!(minutes >= 1)) throw new TypeError('--minutes: give a number, 1 or more');
  const sections = await soak(minutes);
  for (const section of sections) print(toText(section));
  process.exitCode = sections.some(({ goals }) => goals.some(isMissed)) ? 1 : 0;
}

await main();
