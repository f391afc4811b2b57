/** One server in a process of its own, so that its time and memory are its own too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine } from './engine.js';
import { startFloor, startStream } from './floor.js';
import { listen } from './http.js';
import { layerTimes, timeLayers } from './layer-times.js';
import { startNaive } from './naive.js';
import type { BenchServer, ServerOptions } from './options.js';
import { startOurs } from './ours.js';
import { createSdk2025 } from './sdk-2025.js';
import { createSdk2026 } from './sdk-2026.js';

export interface Usage {
  /** User and system time of the process, microseconds. */
  readonly cpuUs: number;
  /** Bytes in use after a full collection; JavaScript's and what hangs on it. */
  readonly heap: number;
  readonly rss: number;
  /** Highest `rss` since the last question. */
  readonly peakRss: number;
}

export type Question = { readonly start: ServerOptions } | 'cpu' | 'memory' | 'layers';

let peakRss = 0;

async function answer(question: Question): Promise<unknown> {
  if (typeof question === 'object') {
    const server = await start(question.start);
    setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage.rss())), 25).unref();
    return server.port;
  }
  if (question === 'layers') return layerTimes();
  if (question === 'memory') await collect();
  const { user, system } = process.cpuUsage();
  const { heapUsed, external, rss } = process.memoryUsage();
  const usage: Usage = { cpuUs: user + system, heap: heapUsed + external, rss, peakRss };
  peakRss = 0;
  return usage;
}

async function start(options: ServerOptions): Promise<BenchServer> {
  const sdk = () => (options.era === '2025' ? createSdk2025(options) : createSdk2026(options));
  switch (options.kind) {
    case 'floor':
      return startFloor(options);
    case 'stream':
      return startStream();
    case 'engine':
      return startEngine(options);
    case 'naive':
      return startNaive(options, sdk());
    case 'bare': {
      const handle = sdk();
      return { port: await listen((req, res) => void handle(req, res)) };
    }
    case 'ours':
      if (options.timeLayers) timeLayers();
      return startOurs(options);
  }
}

async function collect(): Promise<void> {
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc?.();
    await sleep(50);
  }
}

process.on('message', (question: Question) => {
  answer(question).then(
    (value) => process.send?.({ value }),
    (error: unknown) => process.send?.({ error: String((error as Error).stack ?? error) }),
  );
});
process.on('disconnect', () => process.exit());
