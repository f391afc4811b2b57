/** One soak: traffic with faults, then silence, then the end of all servers; and what is judged of each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Issuer, startIssuer } from '../identity.js';
import { isMissed, type Section } from '../report.js';
import { runFaults } from './faults.js';
import type { Timed } from './flat.js';
import { type Fleet, startFleet } from './fleet.js';
import { Ledger } from './ledger.js';
import { remains } from './remains.js';
import { answersSection, auditSection, memorySection, none, row } from './sections.js';
import { callerOf, drive } from './traffic.js';

type Print = (text: string) => void;

const SAMPLE_MS = 10_000;
const MAX_PAUSE_MS = 10_000;
/** Sampled, and never replaced. */
const isWatched = (_: unknown, i: number) => i !== 2;

export async function soak(minutes: number, print: Print): Promise<readonly Section[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-soak-'));
  const issuer = await startIssuer();
  const fleet = await startFleet(folder, issuer);
  try {
    const sections = await run(fleet, issuer, minutes, print);
    if (sections.some(({ goals }) => goals.some(isMissed))) print(`Logs and audit: ${folder}`);
    else await rm(folder, { recursive: true });
    return sections;
  } finally {
    await fleet.close();
    issuer.close();
  }
}

async function run(fleet: Fleet, issuer: Issuer, minutes: number, print: Print): Promise<readonly Section[]> {
  const ledger = new Ledger();
  const until = Date.now() + minutes * 60_000;
  let isOver = false;
  const traffic = drive(fleet, issuer, ledger, () => !isOver);
  const sampling = sampleAll(fleet, () => isOver, print);
  const scene = { fleet, ledger, token: await callerOf(issuer, 0) };
  const pauseMs = Math.min(MAX_PAUSE_MS, minutes * 6000);
  const faults = await runFaults(scene, pauseMs, until, print).finally(() => (isOver = true));
  const [visits, samples] = await Promise.all([traffic, sampling]);
  const left = await remains(fleet);
  const metrics = await Promise.all(fleet.members.map(({ server }) => server.metrics()));
  const dropped = metrics.reduce((sum, value) => sum + value('mcp_server_audit_dropped_total'), 0);
  const exitCodes = await Promise.all(fleet.members.map(({ server }) => server.drain()));
  return [
    memorySection(samples),
    answersSection(faults, visits, ledger.sent, print),
    {
      title: 'After the traffic',
      columns: [],
      rows: [],
      goals: [
        ...left,
        none('Servers that did not end with 0', exitCodes.filter((code) => code !== 0).length),
      ],
    },
    await auditSection(fleet, ledger.sent, dropped, print),
  ];
}

async function sampleAll(fleet: Fleet, isOver: () => boolean, print: Print) {
  const samples = new Map<string, Timed[]>();
  const startedAt = performance.now();
  while (!isOver()) {
    await sleep(SAMPLE_MS);
    for (const { name, server } of fleet.members.filter(isWatched)) {
      const second = (performance.now() - startedAt) / 1000;
      const sample = { second, ...(await server.sample()) };
      samples.set(name, [...(samples.get(name) ?? []), sample]);
      print(row(name, sample).join('\t'));
    }
  }
  return samples;
}
