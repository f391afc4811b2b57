/** Someone who may write the folder swaps one of its folders for a link, between any two looks at the disk. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import * as real from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';

/** More looks at the disk than any operation takes. */
const MAX_STEPS = 6;

/** What stands at `folder` from each look on: the folder, or a link to a folder outside. */
let schedule: readonly boolean[] = [];
let step = 0;
let isSwapped = false;
let top: string;
let root: string;

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
const { folderUnder, openUnder } = await import('../../../src/server/helpers/open-under.js');
const { readdir, unlink } = await import('node:fs/promises');

function swapTo(wanted: boolean): void {
  if (wanted === isSwapped) return;
  const [away, back] = wanted ? ['kept', 'link'] : ['link', 'kept'];
  renameSync(join(root, 'folder'), join(root, away));
  renameSync(join(root, back), join(root, 'folder'));
  isSwapped = wanted;
}

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'swap-'));
  root = join(top, 'root');
  for (const folder of [root, join(root, 'folder'), join(top, 'evil')]) mkdirSync(folder);
  writeFileSync(join(root, 'folder/note.md'), 'inside');
  writeFileSync(join(top, 'evil/note.md'), 'outside');
  writeFileSync(join(top, 'evil/private.txt'), 'outside');
  symlinkSync('../evil', join(root, 'link'));
});
afterEach(() => {
  schedule = [];
  swapTo(false);
  rmSync(top, { recursive: true });
});

async function readNote(): Promise<string> {
  const handle = await openUnder(root, 'folder/note.md');
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

const OPERATIONS = {
  read: readNote,
  list: () => folderUnder(root, 'folder', (pinned) => readdir(pinned)).then(String),
  remove: () =>
    folderUnder(root, 'folder', (pinned) => unlink(join(pinned, 'note.md'))).then(() => 'removed'),
};

const isLinux = process.platform === 'linux'; // elsewhere Node offers no way to hold a folder
(isLinux ? test : test.skip)(
  'whenever a folder is swapped for a link, nothing outside is read, listed or removed',
  async () => {
    const seen: Record<string, Set<string>> = {};
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      const answers = (seen[name] = new Set());
      for (let bits = 0; bits < 2 ** MAX_STEPS; bits++) {
        schedule = Array.from({ length: MAX_STEPS }, (_, i) => (bits & (1 << i)) !== 0);
        step = 0;
        answers.add(await operation().catch((error: Error) => error.message));
        expect(step).toBeLessThanOrEqual(MAX_STEPS);
        schedule = [];
        swapTo(false);
        writeFileSync(join(root, 'folder/note.md'), 'inside');
      }
    }

    expect(readFileSync(join(top, 'evil/note.md'), 'utf8')).toBe('outside');
    expect(seen).toEqual({
      read: new Set(['No such file or folder: folder/note.md', 'inside']),
      list: new Set(['No such file or folder: folder', 'note.md']),
      remove: new Set(['No such file or folder: folder', 'removed']),
    });
  },
);
