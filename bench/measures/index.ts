/** Every measure, in the order of a run. */
import type { Section } from '../report.js';
import { measureCalls } from './calls.js';
import { measureGrowth, measureLists } from './growth.js';
import { measureFirstNotification, measureLayers } from './latency.js';
import { measureSessions, measureSlowReaders, measureStreams } from './memory.js';
import { measurePeak, measureStart } from './process.js';
import { measureRedis } from './redis.js';
import type { Setup } from './setup.js';
import { measureTail } from './tail.js';

export const MEASURES: Readonly<Record<string, (setup: Setup) => Promise<readonly Section[]>>> = {
  calls: measureCalls,
  tail: measureTail,
  growth: measureGrowth,
  lists: measureLists,
  sessions: async (setup) => [await measureSessions(setup)],
  streams: async (setup) => [await measureStreams(setup)],
  peak: async (setup) => [await measurePeak(setup)],
  start: async (setup) => [await measureStart(setup)],
  notification: measureFirstNotification,
  slow: async (setup) => [await measureSlowReaders(setup)],
  redis: async (setup) => [await measureRedis(setup)],
  layers: async (setup) => [await measureLayers(setup)],
};
