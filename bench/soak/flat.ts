/** Whether a server grows: its last quarter of the samples after the first minute against the first quarter. */
import { atMost, type Goal } from '../report.js';
import { median } from '../stats.js';
import type { Sample } from './server.js';

export interface Timed extends Sample {
  readonly second: number;
}

const WARM_UP_S = 60;
/** Fewer say nothing. */
const MIN_SAMPLES = 8;
/** What may be added to 10 %: how much it wavers when it is flat. */
const BOUNDS = [
  ['heapMiB', 'heap, MiB', 4],
  ['rssMiB', 'RSS, MiB', 16],
  ['descriptors', 'descriptors', 20],
  ['timers', 'timers', 50],
] as const;

export function flatness(name: string, samples: readonly Timed[]): readonly Goal[] {
  const warm = samples.filter(({ second }) => second >= WARM_UP_S);
  if (warm.length < MIN_SAMPLES) return [];
  const size = Math.floor(warm.length / 4);
  return BOUNDS.map(([what, label, more]) => {
    const middle = (some: readonly Timed[]) => median(some.map((sample) => sample[what]));
    const first = middle(warm.slice(0, size));
    const bound = Math.ceil(first * 1.1 + more);
    const title = `${name}, ${label} at the end (first ${first.toFixed(0)}, + 10 % and ${more})`;
    return atMost(title, middle(warm.slice(-size)), { goal: bound });
  });
}
