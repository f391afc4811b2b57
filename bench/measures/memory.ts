/** What idle sessions and open streams keep in memory, and what clients that do not read make it grow by. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from '../load.js';
import { exchangesFor, openSessions, streamRequest } from '../requests.js';
import { atMost, type Section } from '../report.js';
import type { Kind } from '../servers/options.js';
import { type Setup, start } from './setup.js';

const KIB = 1024;
const SESSIONS = { ours: 10_000, bare: 1_000 } as const;
const STREAMS = 5_000;
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

export async function measureStreams(setup: Setup): Promise<Section> {
  const count = Math.round(STREAMS * setup.scale);
  const perStream = async (kind: Extract<Kind, 'stream' | 'bare' | 'ours'>) => {
    const server = await start(setup, { kind, era: '2025' });
    const { token } = setup.issuer;
    const sessions = kind === 'stream' ? undefined : await openSessions(server.port, token, count);
    const before = await server.ask('memory');
    const sockets: Socket[] = [];
    for (let i = 0; i < count; i += 1) {
      const socket = await open(server.port);
      socket.resume().write(streamRequest(token, sessions?.[i] ?? 'none'));
      sockets.push(socket);
    }
    await sleep(500);
    const after = await server.ask('memory');
    for (const socket of sockets) socket.destroy();
    await server.close();
    return (after.heap - before.heap) / count / KIB;
  };
  const floor = await perStream('stream');
  const bare = await perStream('bare');
  const ours = await perStream('ours');
  return {
    title: `Memory of an open stream, KiB (${count} GET streams)`,
    columns: ['Server', 'KiB', 'Above the floor'],
    rows: [
      ['bare node:http stream', floor, 0],
      ['bare SDK 1.x', bare, bare - floor],
      ['this template', ours, ours - floor],
    ],
    goals: [
      atMost('Memory per open stream, above a bare node:http stream', ours - floor, {
        must: 8,
        goal: 6,
        unit: ' KiB',
      }),
    ],
  };
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
