import { expect, test } from '@jest/globals';
import { expected, simulate } from '../../bench/scaling.js';

/** The same numbers in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test.each([2, 10, 100])('what %i replicas cost Redis is counted as it is calculated', (replicas) => {
  const load = { replicas, sessions: 300_000 };
  const counted = simulate(load, seeded(replicas));
  const calculated = expected(load);
  for (const [what, value] of Object.entries(calculated)) {
    const off = Math.abs(counted[what as keyof typeof counted] / value - 1);
    expect({ what, isClose: off < (what === 'answers' ? 0.4 : 0.05) }).toEqual({ what, isClose: true });
  }
});

test('the messages that answers cost do not grow with the replicas, and those of a change end at its subscribers', () => {
  const [few, many] = [10, 1000].map((replicas) => expected({ replicas, sessions: 1_000_000 }));

  expect(many?.answers).toBeLessThan(1.2 * Number(few?.answers));
  expect(many?.changes).toBeLessThanOrEqual(10 * 100);
  expect(many?.listChanged).toBeCloseTo(1000);
});
