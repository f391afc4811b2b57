import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { coalesceChanges } from '../../../../src/server/mcp/calls/coalesce-changes.js';
import type { Change } from '../../../../src/server/stores/types.js';

const resource = (uri: string): Change => ({ kind: 'resource', uri });
let told: Change[];
let changed: (change: Change) => void;

beforeEach(() => {
  jest.useFakeTimers();
  told = [];
  changed = coalesceChanges((change) => told.push(change));
});
afterEach(() => {
  jest.useRealTimers();
});

test('a storm of changes is told at once and again at its end, not 50,000 times', () => {
  for (let i = 0; i < 50_000; i++) changed({ kind: 'tools' });
  expect(told).toEqual([{ kind: 'tools' }]);

  jest.advanceTimersByTime(100);
  expect(told).toEqual([{ kind: 'tools' }, { kind: 'tools' }]);
  jest.advanceTimersByTime(10_000);
  expect(told).toHaveLength(2);
});

test('a storm that goes on is told ten times a second', () => {
  for (let ms = 0; ms < 1000; ms++) {
    changed(resource('test://doc/1'));
    jest.advanceTimersByTime(1);
  }
  expect(told.length).toBeGreaterThanOrEqual(9);
  expect(told.length).toBeLessThanOrEqual(11);
});

test('each kind and each URI has its own turn', () => {
  const all: Change[] = [
    { kind: 'tools' },
    { kind: 'prompts' },
    resource('test://doc/1'),
    resource('test://doc/2'),
  ];
  for (const change of all) changed(change);
  expect(told).toEqual(all);
});

test('a storm over endless URIs loses none of them and keeps few in memory', () => {
  for (let i = 0; i < 20_000; i++) changed(resource(`test://doc/${i}`));
  expect(told).toHaveLength(20_000);
  expect(jest.getTimerCount()).toBeLessThanOrEqual(10_000);
});
