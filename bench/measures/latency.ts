/** How soon the first notification of a call arrives, and where a request spends its time among the layers. */
import { once } from 'node:events';
import { drive, open } from '../load.js';
import { type Era, exchangesFor } from '../requests.js';
import { atMost, type Section } from '../report.js';
import { median, quantile } from '../stats.js';
import type { Contestant } from './rounds.js';
import { closeAll, contestants, ERAS, type Setup, start } from './setup.js';

const NOTIFY = { method: 'tools/call', name: 'notify', arguments: { text: 'done' } } as const;
const CALLS = 300;

export async function measureFirstNotification(setup: Setup): Promise<readonly Section[]> {
  const options = { tools: 3, streaming: true };
  const bare = await contestants(setup, 'bare', { kind: 'bare', ...options }, NOTIFY);
  const ours = await contestants(setup, 'ours', { kind: 'ours', ...options }, NOTIFY);
  const sections: Section[] = [];
  for (const [index, era] of ERAS.entries()) {
    sections.push(
      await compare(era, bare[index] as Contestant, ours[index] as Contestant, CALLS * setup.scale),
    );
  }
  await closeAll([...bare, ...ours]);
  return sections;
}

async function compare(era: Era, bare: Contestant, ours: Contestant, calls: number): Promise<Section> {
  const times = { bare: [] as number[], ours: [] as number[] };
  for (let i = 0; i < 2 * calls; i += 1) {
    const both = { bare: await firstNotification(bare), ours: await firstNotification(ours) };
    if (i < calls) continue; // warm-up
    times.bare.push(both.bare);
    times.ours.push(both.ours);
  }
  const row = (label: string, all: readonly number[]) => [label, median(all), quantile(all, 0.95)] as const;
  return {
    title: `First notification of a call after, ms, ${era} era`,
    columns: ['Server', 'p50', 'p95'],
    rows: [row('bare SDK', times.bare), row('this template', times.ours)],
    goals: [
      atMost(`${era} era: first notification, p50 ÷ SDK's`, median(times.ours) / median(times.bare), {
        must: 0.9,
        goal: 0.6,
      }),
    ],
  };
}

async function firstNotification({ server, exchanges }: Contestant): Promise<number> {
  const socket = await open(server.port);
  const startedAt = performance.now();
  socket.write(exchanges[0]?.request ?? '');
  let text = '';
  while (!text.includes('notifications/message')) text += String((await once(socket, 'data'))[0]);
  const took = performance.now() - startedAt;
  while (!text.includes('"result"')) text += String((await once(socket, 'data'))[0]);
  socket.destroy();
  return took;
}

export async function measureLayers(setup: Setup): Promise<Section> {
  const server = await start(setup, { kind: 'ours', timeLayers: true });
  const call = { era: '2025', token: setup.issuer.token, method: 'tools/call', name: 'echo' } as const;
  const exchanges = await exchangesFor(
    server.port,
    { ...call, arguments: { text: 'hello from the bench' } },
    1,
  );
  await drive({ port: server.port, exchanges, maxRequests: 6000, maxMs: 20_000 });
  const layers = Object.entries(await server.layers());
  await server.close();
  return {
    title: 'Each layer, µs from its entry to the next one’s (one connection; what waits is counted too)',
    columns: ['Layer', 'µs'],
    rows: layers.map(([name, ns]) => [name, ns / 1000]),
    goals: [],
  };
}
