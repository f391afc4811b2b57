/** Someone who may write the folder swaps one of its folders for a link, between any two looks at the disk. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import * as real from 'node:fs/promises';
import { join } from 'node:path';

const NAME = 'night-of-reading.md';
/** More looks at the disk than any operation takes. */
const MAX_STEPS = 6;

/** What stands at `events` from each look on: the folder, or a link to a folder outside. */
let schedule: readonly boolean[] = [];
let step = 0;
let isSwapped = false;
let root: string;
let remove: () => Promise<void>;

/** The real functions; the swap happens right before each of them. */
const swapping = Object.fromEntries(
  Object.entries(real).map(([name, value]) => [
    name,
    typeof value !== 'function'
      ? value
      : (...args: unknown[]) => {
          const wanted = schedule[step++];
          if (wanted !== undefined) swapTo(wanted);
          return (value as (...all: unknown[]) => unknown)(...args);
        },
  ]),
);
jest.unstable_mockModule('node:fs/promises', () => swapping);
const { openDocuments } = await import('../../src/samples/documents.js');
const { documentFolder } = await import('./context.js');

function swapTo(wanted: boolean): void {
  if (wanted === isSwapped) return;
  const [away, back] = wanted ? ['kept', 'link'] : ['link', 'kept'];
  renameSync(join(root, 'events'), join(root, away));
  renameSync(join(root, back), join(root, 'events'));
  isSwapped = wanted;
}

beforeEach(async () => {
  ({ root, remove } = await documentFolder());
  mkdirSync(join(root, '../evil'));
  writeFileSync(join(root, '../evil', NAME), 'outside');
  writeFileSync(join(root, '../evil/private.txt'), 'outside');
  symlinkSync('../evil', join(root, 'link'));
});
afterEach(() => remove());

const isLinux = process.platform === 'linux'; // elsewhere Node offers no way to pin a folder
(isLinux ? test : test.skip)(
  'whenever a folder is swapped for a link, nothing outside is read, listed or removed',
  async () => {
    const inside = readFileSync(join(root, 'events', NAME));
    const documents = await openDocuments(root);
    const path = `events/${NAME}`;
    const listed = await documents.list(['events']);
    const operations = {
      read: () => documents.read(path).then(String),
      size: () => documents.size(path),
      stats: () => documents.stats(path, new AbortController().signal).then(({ bytes }) => bytes),
      list: () => documents.list(['events']),
      remove: () => documents.remove(path),
    };
    const seen: Record<string, Set<unknown>> = {};
    for (const [name, operation] of Object.entries(operations)) {
      const answers = (seen[name] = new Set());
      for (let bits = 0; bits < 2 ** MAX_STEPS; bits++) {
        schedule = Array.from({ length: MAX_STEPS }, (_, i) => (bits & (1 << i)) !== 0);
        step = 0;
        answers.add(await operation().then(JSON.stringify, (error: Error) => error.message));
        expect(step).toBeLessThanOrEqual(MAX_STEPS);
        schedule = [];
        swapTo(false);
        writeFileSync(join(root, 'events', NAME), inside);
      }
    }

    const missing = `No such document: ${path}`;
    expect(readFileSync(join(root, '../evil', NAME), 'utf8')).toBe('outside');
    expect(seen).toEqual({
      read: new Set([missing, JSON.stringify(String(inside))]),
      size: new Set([missing, String(inside.length)]),
      stats: new Set([missing, String(inside.length)]),
      list: new Set(['No such document: events', JSON.stringify(listed)]),
      remove: new Set([missing, undefined]),
    });
  },
);
