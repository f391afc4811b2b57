/** Visits at a steady rate, of each kind in turn, to the replicas and to the process alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Issuer } from '../identity.js';
import { Cut } from './client.js';
import { Lost } from './expect.js';
import { AUDIENCE, type Fleet } from './fleet.js';
import type { Ledger } from './ledger.js';
import { VISITS } from './visits.js';
import { VISITS_TASKS } from './visits-2026.js';

/** So many that none meets a limit of its own, for a day. */
const CALLERS = 200;
const VISITS_PER_SECOND = 12;
/** Longer than all that a visit waits for. */
const HANGS_MS = 180_000;
/** Every so many rounds of all kinds go to the process alone. */
const ALONE_EVERY = 4;

export interface Visit {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  readonly outcome: 'done' | 'put off' | 'cut' | 'lost' | 'failed';
  readonly error?: unknown;
}

export function callerOf(issuer: Issuer, i: number): Promise<string> {
  return issuer.sign(`caller-${i}`, { aud: AUDIENCE, scope: 'documents:read documents:write' });
}

/** @param goesOn looked at before each visit. Settles when the last one has gone. */
export async function drive(fleet: Fleet, issuer: Issuer, ledger: Ledger, goesOn: () => boolean) {
  const kinds = Object.entries(VISITS);
  const tokens = await Promise.all(Array.from({ length: CALLERS }, (_, i) => callerOf(issuer, i)));
  const alone = fleet.alone.server.url;
  const files = `${fleet.folder}/files`;
  const visits: Visit[] = [];
  const running = new Set<Promise<void>>();
  const visit = async (index: number) => {
    const [kind, run] = kinds[index % kinds.length] as (typeof kinds)[number];
    const round = Math.floor(index / kinds.length);
    const isAlone = round % ALONE_EVERY === 0 && !Object.hasOwn(VISITS_TASKS, kind);
    const next = isAlone ? () => alone : () => fleet.next();
    const from = Date.now();
    const place = { next, ledger, alone, files, token: tokens[round % CALLERS] as string };
    const end = await Promise.race([run(place), hanging()]).then(
      () => ({ outcome: 'done' as const }),
      (error: unknown) => ({ outcome: outcomeOf(error), error }),
    );
    visits.push({ kind, from, to: Date.now(), ...end });
  };
  for (let index = 0; goesOn(); index++) {
    const going = visit(index).finally(() => running.delete(going));
    running.add(going);
    await sleep(1000 / VISITS_PER_SECOND);
  }
  await Promise.all(running);
  return visits;
}

async function hanging(): Promise<never> {
  await sleep(HANGS_MS, undefined, { ref: false });
  throw new Error('no end of it');
}

/** The server said that it cannot, now: whether it may is judged answer by answer. */
const CANNOT = /"code":"(?:store_unavailable|audit_unavailable|overloaded)"/;

function outcomeOf(error: unknown): Visit['outcome'] {
  if (error instanceof Cut) return 'cut';
  if (CANNOT.test(String(error))) return 'put off';
  return error instanceof Lost ? 'lost' : 'failed';
}
