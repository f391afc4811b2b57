import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cleanPath, folderUnder, openUnder, ToolError } from '../../../src/server/index.js';

let top: string;
let root: string;

beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'under-')));
  root = join(top, 'root');
  mkdirSync(join(root, 'notes'), { recursive: true });
  writeFileSync(join(root, 'notes/a.md'), 'inside');
  writeFileSync(join(root, '.env'), 'SECRET=1');
  writeFileSync(join(top, 'secret.txt'), 'outside');
});
afterEach(() => rmSync(top, { recursive: true }));

async function read(path: string, from = root): Promise<string> {
  const handle = await openUnder(from, path);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** In words for the caller that do not show the folders of this machine. */
async function expectRefused(path: string): Promise<void> {
  for (const way of [() => read(path), () => folderUnder(root, path, (pinned) => readdir(pinned))]) {
    const error: unknown = await way().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ToolError);
    expect((error as Error).message).not.toContain(top);
  }
}

test('a file below the root is read, however its path is spelt', async () => {
  expect(await read('notes/a.md')).toBe('inside');
  expect(await read('./notes//a.md')).toBe('inside');
  expect(cleanPath('./notes//a.md')).toBe('notes/a.md');
});

test('the root may itself be reached by a link', async () => {
  symlinkSync('root', join(top, 'current'));

  expect(await read('notes/a.md', join(top, 'current'))).toBe('inside');
});

test('a root that is gone is a fault of the server, not of the caller', async () => {
  const error: unknown = await openUnder(join(top, 'gone'), 'a.md').catch((reason: unknown) => reason);

  expect(error).not.toBeInstanceOf(ToolError);
  expect(error).toHaveProperty('code', 'ENOENT');
});

describe('no path leaves the root', () => {
  test.each([
    '../secret.txt',
    'notes/../../secret.txt',
    '..',
    '..\\secret.txt',
    '/etc/hostname',
    '//etc/hostname',
    'C:\\secret.txt',
    'c:secret.txt',
    'notes/a.md\0',
    '\0../secret.txt',
    'new\nline.md',
    '.env',
    'notes/.hidden',
    'x'.repeat(2000),
  ])('%j is refused', expectRefused);

  test('by its absolute path a file inside is refused too', () => expectRefused(join(root, 'notes/a.md')));

  test('a link is refused wherever it leads, as a file and on the way to one', async () => {
    symlinkSync('../secret.txt', join(root, 'outside.txt'));
    symlinkSync('notes/a.md', join(root, 'inside.md'));
    symlinkSync('..', join(root, 'up'));

    for (const path of ['outside.txt', 'inside.md', 'up', 'up/secret.txt']) await expectRefused(path);
  });

  const hasFifo = process.platform !== 'win32';
  (hasFifo ? test : test.skip)('a named pipe is refused without waiting for its writer', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')]);

    await expectRefused('pipe');
  });

  test('a folder is no file, and neither is the root', async () => {
    for (const path of ['notes', '', '.']) await expect(read(path)).rejects.toThrow(ToolError);
  });
});

/** Of this process, below the root. */
async function openBelowRoot(): Promise<readonly string[]> {
  const names = await readdir('/proc/self/fd');
  const paths = await Promise.all(names.map((name) => readlink(join('/proc/self/fd', name)).catch(() => '')));
  return paths.filter((path) => path.startsWith(top));
}

const isLinux = process.platform === 'linux';
(isLinux ? test : test.skip)('a refusal leaves nothing open', async () => {
  const handle = await openUnder(root, 'notes/a.md');
  expect(await openBelowRoot()).toEqual([join(root, 'notes/a.md')]);
  await handle.close();

  for (const path of ['notes', 'absent', 'absent/a.md', '.'])
    await expect(openUnder(root, path)).rejects.toThrow(ToolError);

  expect(await openBelowRoot()).toEqual([]);
});
