/** Every measure, in the order of a run. */
import type { Section } from '../report.js';
import { measureCalls } from './calls.js';
import { measureGrowth, measureLists } from './growth.js';
import { measureFirstNotification, measureLayers } from './latency.js';
import { measureSessions, measureSlowReaders, measureStreams } from './memory.js';
import { measureRedis } from './redis.js';
import type { Setup } from './setup.js';

export const MEASURES: Readonly<Record<string, (setup: Setup) => Promise<readonly Section[]>>> = {
  calls: measureCalls,
  growth: measureGrowth,
  lists: measureLists,
  sessions: async (setup) => [await measureSessions(setup)],
  streams: async (setup) => [await measureStreams(setup)],
  notification: measureFirstNotification,
  slow: async (setup) => [await measureSlowReaders(setup)],
  redis: async (setup) => [await measureRedis(setup)],
  layers: async (setup) => [await measureLayers(setup)],
};
