/** When a chain is signed. What a checkpoint says is judged by `audit verify`. */
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { AuditCheckpoints } from '../../../src/server/observe/audit-checkpoints.js';
import type { LineWriter } from '../../../src/server/observe/line-writer.js';

const HASH = '0f'.repeat(32);

let checkpoints: AuditCheckpoints;
/** How many records each checkpoint counts. */
let sizes: number[];

beforeEach(() => {
  jest.useFakeTimers();
  sizes = [];
  const push = ({ text }: { text: string }) => {
    const { checkpoint } = JSON.parse(text) as { checkpoint: string };
    sizes.push(Number(checkpoint.split('\n')[1]));
  };
  const { privateKey: key } = generateKeyPairSync('ed25519');
  checkpoints = new AuditCheckpoints({
    key,
    replica: 'r',
    chain: 'c',
    writer: { push } as unknown as LineWriter,
  });
});
afterEach(() => void jest.useRealTimers());

test('a chain that has grown is signed after 10 s, and not again while it stands still', () => {
  checkpoints.append(HASH)();
  jest.advanceTimersByTime(9_999);
  expect(sizes).toEqual([]);

  jest.advanceTimersByTime(1);
  expect(sizes).toEqual([1]);

  jest.advanceTimersByTime(60_000);
  expect(sizes).toEqual([1]);
});

test('1,000 records are signed without waiting, and the 10 s begin with the next one', () => {
  for (let n = 0; n < 1000; n++) checkpoints.append(HASH)();
  expect(sizes).toEqual([1000]);

  jest.advanceTimersByTime(5_000);
  checkpoints.append(HASH)();
  jest.advanceTimersByTime(9_999);
  expect(sizes).toEqual([1000]);

  jest.advanceTimersByTime(1);
  expect(sizes).toEqual([1000, 1001]);
});

test('no checkpoint counts a record that no sink has yet', () => {
  checkpoints.append(HASH)();
  const written = checkpoints.append(HASH);
  jest.advanceTimersByTime(10_000);
  expect(sizes).toEqual([]);

  written();
  expect(sizes).toEqual([2]);
});
