/**
 * `npm run soak -- --hold`: what one process holds at once, with two cores and 4 GiB, and what it refuses beyond that.
 *
 * Opens sessions, then streams in them; calls as fast as it is answered while all stay open; tries one more of each; sends
 * SIGTERM and waits until every stream has ended. All limits but those of calls are the defaults.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Caller,
  call,
  each,
  getStream,
  openSession,
  openStream,
  post,
  type Session,
  tryOnce,
} from './hold/clients.js';
import { type Issuer, startIssuer } from './identity.js';
import type { Section } from './report.js';
import { commonEnv } from './soak/environment.js';
import { type Sample, type Server, startServer } from './soak/server.js';
import { quantile } from './stats.js';

/** Three quarters of 4 GiB. */
const HEAP_MIB = 3072;
const SESSIONS_PER_CALLER = 100;
const STREAMS_PER_CALLER = 20;
const AT_ONCE = 32;
const CALL_FOR_MS = 20_000;
/** Of each process: connections for calls and beyond the limit, and files. */
const OTHER_DESCRIPTORS = 10 * AT_ONCE;

export interface Held {
  readonly sessions: number;
  readonly streams: number;
}

/** @throws {TypeError} when callers may not have so many streams, or this process not so many descriptors */
export async function hold(held: Held): Promise<Section> {
  if (!(held.streams * SESSIONS_PER_CALLER <= held.sessions * STREAMS_PER_CALLER))
    throw new TypeError(
      '--streams: at most a fifth of --sessions, as a caller has 100 sessions and 20 streams',
    );
  const wanted = held.streams + OTHER_DESCRIPTORS;
  if (wanted > descriptors())
    throw new TypeError(
      `--streams: ${wanted} open files are wanted, and ${descriptors()} allowed: ulimit -n`,
    );
  const folder = await mkdtemp(join(tmpdir(), 'mcp-hold-'));
  const issuer = await startIssuer();
  const auditFile = join(folder, 'audit.log');
  const env = {
    AUDIT_SINKS: `file:${auditFile}`,
    MAX_CONNECTIONS: String(held.streams + 2 * AT_ONCE),
    RATE_LIMIT_IP: '1000000/60s',
    RATE_LIMIT_CALLER: '1000000/60s',
  };
  const server = await startServer({
    env: { ...(await commonEnv(folder, issuer)), ...env },
    heapMiB: HEAP_MIB,
  });
  try {
    return await measure(server, auditFile, issuer, held);
  } finally {
    await server.close();
    issuer.close();
    await rm(folder, { recursive: true });
  }
}

async function measure(server: Server, auditFile: string, issuer: Issuer, held: Held): Promise<Section> {
  const { url } = server;
  const rows: string[][] = [];
  let before = await server.sample();
  const timed = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const result = await work;
    const tookS = (performance.now() - startedAt) / 1000;
    const now = await server.sample();
    rows.push(row(what, tookS, before, now));
    process.stdout.write(`${rows.at(-1)?.join('\t')}\n`);
    before = now;
    return result;
  };

  const callers = await each(Math.ceil(held.sessions / SESSIONS_PER_CALLER), AT_ONCE, (i) =>
    newCaller(issuer, url, i),
  );
  const callerOf = (i: number) => callers[Math.floor(i / SESSIONS_PER_CALLER)] as Caller;
  const opening = each(held.sessions, AT_ONCE, (i) => openSession(url, callerOf(i)));
  const sessions = await timed(`${held.sessions} sessions`, opening);
  const streamed = (i: number) => {
    const first = Math.floor(i / STREAMS_PER_CALLER) * SESSIONS_PER_CALLER;
    return sessions[first + (i % STREAMS_PER_CALLER)] as Session;
  };
  const streams = await timed(
    `${held.streams} streams`,
    each(held.streams, AT_ONCE, (i) => openStream(url, streamed(i))),
  );
  const calls = await timed(`calls for ${CALL_FOR_MS / 1000} s`, callAll(url, sessions));
  const beyond = await tryMore(url, sessions);
  const ended = Promise.all(
    streams.filter((stream) => !stream.closed).map((stream) => once(stream, 'close')),
  );
  const startedAt = performance.now();
  const exitCode = await server.drain();
  await ended;
  const tookS = seconds((performance.now() - startedAt) / 1000);
  const audited = (await readFile(auditFile, 'utf8')).split('"stage":"stream-close"').length - 1;
  const drained = ['drain', tookS, '', '', `exit code ${exitCode}, ${audited} ends of streams in the audit`];
  return {
    title: `${held.sessions} sessions, ${held.streams} streams and ${calls} in one process; ${beyond}`,
    columns: ['Opened', 'Took, s', 'Heap, MiB', 'RSS, MiB', 'CPU, s'],
    rows: [...rows, drained],
    goals: [],
  };
}

function row(what: string, tookS: number, before: Sample, now: Sample): string[] {
  const cpuS = now.cpuSeconds - before.cpuSeconds;
  return [what, seconds(tookS), now.heapMiB.toFixed(0), now.rssMiB.toFixed(0), seconds(cpuS)];
}

const seconds = (s: number) => s.toFixed(1);

async function newCaller(issuer: Issuer, url: URL, i: number): Promise<Caller> {
  const token = await issuer.sign(`caller-${i}`, { aud: url.href, scope: 'documents:read' });
  return { token, address: `198.18.${i >> 8}.${i & 255}` };
}

/** Calls of all sessions in turn. @returns how many a second, how slow the slowest were, and how many were refused */
async function callAll(url: URL, sessions: readonly Session[]): Promise<string> {
  const until = performance.now() + CALL_FOR_MS;
  const tookMs: number[] = [];
  let next = 0;
  let refused = 0;
  const work = async () => {
    while (performance.now() < until) {
      const startedAt = performance.now();
      const status = await call(url, sessions[(next++ * 7919) % sessions.length] as Session);
      if (status === 200) tookMs.push(performance.now() - startedAt);
      else refused++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const rate = (tookMs.length / CALL_FOR_MS) * 1000;
  return `${rate.toFixed(0)} calls a second (p99 ${quantile(tookMs, 0.99).toFixed(0)} ms, ${refused} refused)`;
}

/** What a caller gets that has all it may have, and what a new connection gets. */
async function tryMore(url: URL, sessions: readonly Session[]): Promise<string> {
  const [full] = sessions as [Session];
  const spare = sessions[STREAMS_PER_CALLER] as Session;
  // A session that is out of use would make room for a new one.
  await each(SESSIONS_PER_CALLER, AT_ONCE, (i) => call(url, sessions[i] as Session));
  const session = await tryOnce(post(url, full.caller, {}, 'initialize', INITIALIZE));
  const stream = await tryOnce(getStream(url, spare));
  const connections = await each(4 * AT_ONCE, 4 * AT_ONCE, () => tryOnce(getStream(url, spare)));
  return `one session more of a caller: ${session}; one stream more: ${stream}; connections beyond: ${[...new Set(connections)].join(', ')}`;
}

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'hold', version: '1' },
};

/** The most that a process may open, of which the servers inherit the same. */
function descriptors(): number {
  const [, most] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(most);
}
