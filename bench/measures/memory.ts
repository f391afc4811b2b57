/** What idle sessions and open streams keep in memory, and what clients that do not read make it grow by. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from '../load.js';
import { type Era, exchangesFor, listenRequest, openSessions, streamRequest } from '../requests.js';
import { atMost, type Section } from '../report.js';
import type { Server } from '../server.js';
import type { Kind } from '../servers/options.js';
import { median } from '../stats.js';
import { ERAS, type Setup, start } from './setup.js';

const KIB = 1024;
const SESSIONS = { ours: 10_000, bare: 1_000 } as const;
const STREAMS = 1_000;
const STREAM_ROUNDS = 3;
/** A server that finds its client gone looks again after two seconds (`http/pipelining.ts`). */
const CLOSING_MS = 3_000;
const SETTLED_BYTES = 64 * 1024;
const SLOW_CLIENTS = 5;
const EVENTS = 80_000;
/** What the Kubernetes manifests give: what may be unsent is a share of it. */
const HEAP_MIB = 320;

export async function measureSessions(setup: Setup): Promise<Section> {
  const perSession = async (kind: 'bare' | 'ours', tools: number) => {
    const server = await start(setup, { kind, era: '2025', tools });
    const { token } = setup.issuer;
    await openSessions(server.port, token, 50); // what the first ones need is not theirs
    const count = Math.round(SESSIONS[kind] * setup.scale);
    const before = await server.ask('memory');
    await openSessions(server.port, token, count);
    const after = await server.ask('memory');
    await server.close();
    return (after.heap - before.heap) / count / KIB;
  };
  const one = [await perSession('bare', 1), await perSession('ours', 1)] as const;
  const hundred = [await perSession('bare', 100), await perSession('ours', 100)] as const;
  return {
    title: `Memory of an idle session, KiB (${SESSIONS.ours * setup.scale} sessions; ${SESSIONS.bare * setup.scale} of the SDK)`,
    columns: ['Tools', 'Bare SDK 1.x', 'This template'],
    rows: [
      ['1', ...one],
      ['100', ...hundred],
    ],
    goals: [atMost('Memory per idle session, 100 tools', hundred[1], { goal: 2, unit: ' KiB' })],
  };
}

/** Each server in a process of its own, and all alike: what an earlier measure left cannot count, nor what a start leaves. */
export async function measureStreams(setup: Setup): Promise<Section> {
  const count = Math.round(STREAMS * setup.scale);
  const floor = await perStream(setup, 'stream', '2025', count);
  const rows = [
    ['bare node:http stream', floor],
    ['bare SDK 1.x', await perStream(setup, 'bare', '2025', count)],
    ['this template, 2025: GET stream of a session', await perStream(setup, 'ours', '2025', count)],
    ['this template, 2026: `subscriptions/listen`', await perStream(setup, 'ours', '2026', count)],
  ] as const;
  const goals = ERAS.map((era, index) =>
    atMost(
      `${era} era: memory per open stream, above a bare node:http stream`,
      (rows[2 + index]?.[1] ?? Infinity) - floor,
      { must: 8, goal: 6, unit: ' KiB' },
    ),
  );
  return {
    title: `Memory of an open stream, KiB (${count} streams, median of ${STREAM_ROUNDS} rounds)`,
    columns: ['Server', 'KiB', 'Above the floor'],
    rows: rows.map(([label, kib]) => [label, kib, kib - floor]),
    goals,
  };
}

/** Between rounds all streams are closed. The first round is a warm-up: code is compiled, tables grow. */
async function perStream(setup: Setup, kind: Kind, era: Era, count: number): Promise<number> {
  const server = await start(setup, { kind, era });
  const { token } = setup.issuer;
  const hasSessions = era === '2025' && kind !== 'stream';
  const sessions = hasSessions ? await openSessions(server.port, token, count) : [];
  const kib: number[] = [];
  for (let round = 0; round <= STREAM_ROUNDS; round += 1) {
    const before = await settled(server);
    const sockets: Socket[] = [];
    for (let i = 0; i < count; i += 1) {
      const request = era === '2026' ? listenRequest(token, i) : streamRequest(token, sessions[i] ?? 'none');
      sockets.push(await openStream(server.port, request));
    }
    const after = await settled(server);
    for (const socket of sockets) socket.destroy();
    await sleep(CLOSING_MS);
    if (round > 0) kib.push((after - before) / count / KIB);
  }
  await server.close();
  return median(kib);
}

/** Resolves once the stream has begun: one that was refused would be cheap. */
async function openStream(port: number, request: Buffer): Promise<Socket> {
  const socket = await open(port);
  socket.write(request);
  const [begun] = (await once(socket, 'data')) as [Buffer];
  const head = begun.toString();
  if (head.startsWith('HTTP/1.1 200')) return socket.resume();
  socket.destroy();
  if (!head.startsWith('HTTP/1.1 503')) throw new Error(`no stream:\n${head}`);
  await sleep(500); // others take the machine
  return openStream(port, request);
}

/** Bytes in use once they no longer fall: some of what ends is freed only after a second look. */
async function settled(server: Server): Promise<number> {
  let { heap } = await server.ask('memory');
  for (;;) {
    const next = await server.ask('memory');
    if (next.heap > heap - SETTLED_BYTES) return next.heap;
    heap = next.heap;
  }
}

export async function measureSlowReaders(setup: Setup): Promise<Section> {
  const times = Math.round((EVENTS * setup.scale) / SLOW_CLIENTS);
  const growth = async (kind: 'bare' | 'ours', era: '2025' | '2026') => {
    const server = await start(setup, { kind, era, tools: 3, streaming: true, heapMiB: HEAP_MIB });
    const call = { method: 'tools/call', name: 'flood', arguments: { text: 'done', times } } as const;
    const exchanges = await exchangesFor(
      server.port,
      { era, token: setup.issuer.token, ...call },
      SLOW_CLIENTS,
    );
    const before = await server.ask('memory');
    const sockets = await Promise.all(exchanges.map(() => open(server.port)));
    sockets.forEach((socket, index) => socket.pause().write(exchanges[index]?.request ?? ''));
    await sleep(Math.max(2000, times / 2)); // the tools run to their end, read or not
    const { peakRss } = await server.ask('cpu');
    for (const socket of sockets) socket.destroy();
    await server.close();
    return (peakRss - before.rss) / KIB / KIB;
  };
  const rows = [
    ['2025', await growth('bare', '2025'), await growth('ours', '2025')],
    ['2026', await growth('bare', '2026'), await growth('ours', '2026')],
  ] as const;
  return {
    title: `Growth of RSS, MiB: ${SLOW_CLIENTS} clients that do not read, ${times * SLOW_CLIENTS} events of 1 KB, heap limited to ${HEAP_MIB} MiB`,
    columns: ['Era', 'Bare SDK', 'This template'],
    rows,
    goals: rows.map(([era, , reached]) =>
      atMost(`${era} era: non-reading clients, growth of RSS`, reached, { must: 32, goal: 16, unit: ' MiB' }),
    ),
  };
}
