/**
 * `npm run soak -- --minutes N`: three replicas on one Redis and a process alone, mixed traffic, faults in turn.
 *
 * - Memory, descriptors and timers are flat after the first minute.
 * - Sessions, streams, subscriptions and tasks are gone when their clients are.
 * - The audit has one decision for each answer that a client got, and its chain verifies.
 * - While something is broken, clients get 503 with `Retry-After` or what they asked for, and nothing else.
 *
 * Exit code: 0, or 1 when one of that is not so. Then its folder stays.
 */
import { parseArgs } from 'node:util';
import { hold } from './hold.js';
import { isMissed, toText } from './report.js';
import { soak } from './soak/run.js';

const HELP = 'npm run soak [-- --minutes N | --hold [--sessions N] [--streams N]]';

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      hold: { type: 'boolean' },
      sessions: { type: 'string', default: '100000' },
      streams: { type: 'string', default: '20000' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return print(HELP);
  if (values.hold) {
    const held = { sessions: Number(values.sessions), streams: Number(values.streams) };
    return print(toText(await hold(held)));
  }
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new TypeError('--minutes: give a number above 0');
  const sections = await soak(minutes, print);
  for (const section of sections) print(toText(section));
  process.exitCode = sections.some(({ goals }) => goals.some(isMissed)) ? 1 : 0;
}

await main();
