/** One run, by `main.ts`: `run.ts PLAN MEASURES`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { arch, cpus, loadavg, platform, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { withProgress } from '../src/server/commands/progress.js';
import { writeRun } from './document.js';
import { startIssuer } from './identity.js';
import { MEASURES } from './measures/index.js';
import { describe, isMissed, type Machine, type Section, toText } from './report.js';

const PLANS = {
  full: { rounds: 15, roundMs: 500, warmUp: 6000, warmUpMs: 10_000 },
  quick: { rounds: 11, roundMs: 250, warmUp: 5000, warmUpMs: 3500 },
};

async function run(plan: keyof typeof PLANS, names: readonly string[]): Promise<void> {
  const machine = describeMachine();
  const folder = await mkdtemp(join(tmpdir(), 'mcp-bench-'));
  const issuer = await startIssuer();
  const setup = { issuer, folder, plan: PLANS[plan], scale: plan === 'quick' ? 0.1 : 1 };
  const sections: Section[] = [];
  console.log(describe(machine));
  try {
    for (const name of names) {
      const measured = MEASURES[name]?.(setup) ?? Promise.resolve([]);
      for (const section of await withProgress(`Measuring ${name}`, measured)) {
        sections.push(section);
        console.log(toText(section));
      }
    }
  } finally {
    issuer.close();
    await rm(folder, { recursive: true });
  }
  const missed = sections.flatMap(({ goals }) => goals).filter(isMissed).length;
  console.log(missed === 0 ? '\nEvery must is met.' : `\n${missed} are missed.`);
  if (plan === 'full' && names.length === Object.keys(MEASURES).length) await writeRun({ machine, sections });
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

const [plan, names = ''] = process.argv.slice(2);
await run(plan === 'quick' ? 'quick' : 'full', names.split(','));
