import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../../src/server/mcp/definitions/tool.js';
import { type Documents, openDocuments } from '../../src/samples/documents.js';
import { builtFile } from '../helpers/built.js';
import { documentFolder } from './context.js';

const never = new AbortController().signal;
let root: string;
let documents: Documents;
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ root, remove } = await documentFolder());
  documents = await openDocuments(root);
  await writeFile(join(root, '../secret.txt'), 'outside');
});
afterEach(() => remove());

/** No way in may work; every one must fail with words for the caller that do not show the host's folders. */
async function expectRefused(path: string): Promise<void> {
  const ways = [
    () => documents.read(path),
    () => documents.size(path),
    () => documents.stats(path, never),
    () => documents.remove(path),
    () => documents.list([path]),
  ];
  for (const way of ways) {
    const error = await way().then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).toBeInstanceOf(ToolError);
    expect(error?.message).not.toContain(root);
  }
  expect(await readFile(join(root, '../secret.txt'), 'utf8')).toBe('outside');
}

describe('no path leaves the folder', () => {
  test.each([
    '../secret.txt',
    'events/../../secret.txt',
    '..',
    '..\\secret.txt',
    'events\\..\\..\\secret.txt',
    '/etc/hostname',
    '//etc/hostname',
    'C:\\secret.txt',
    'c:secret.txt',
    'budget-2026.md\0',
    'budget-2026.md\0.txt',
    '\0../secret.txt',
    'new\nline.md',
    'x'.repeat(2000),
  ])('%j is refused', expectRefused);

  test('by its absolute path a document inside is refused too', () =>
    expectRefused(join(root, 'budget-2026.md')));

  test('a link to a file is refused, also when it leads to a document inside', async () => {
    await symlink(join(root, '../secret.txt'), join(root, 'outside.txt'));
    await symlink('budget-2026.md', join(root, 'inside.md'));

    await expectRefused('outside.txt');
    await expectRefused('inside.md');
    expect(await documents.list()).not.toEqual(expect.arrayContaining(['outside.txt']));
  });

  test('a link to a folder is refused, and so is what lies behind it', async () => {
    await symlink('..', join(root, 'up'));

    await expectRefused('up');
    await expectRefused('up/secret.txt');
    expect((await documents.list()).filter((path) => path.startsWith('up'))).toEqual([]);
  });

  test('a hidden file is neither listed nor opened', async () => {
    await writeFile(join(root, '.env'), 'SECRET=1');

    await expectRefused('.env');
    expect(await documents.list()).not.toContain('.env');
  });

  const hasFifo = process.platform !== 'win32';
  (hasFifo ? test : test.skip)('a named pipe is refused without waiting for its writer', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')]);

    await expectRefused('pipe');
    expect(await documents.list()).not.toContain('pipe');
  });

  test('a folder is no document', async () => {
    await expect(documents.read('events')).rejects.toThrow(ToolError);
    await expect(documents.remove('events')).rejects.toThrow(ToolError);
    await expect(documents.size('.')).rejects.toThrow(ToolError);
  });
});

describe('lists', () => {
  test('the whole folder is listed in the same order every time', async () => {
    const listed = await documents.list();

    expect(listed).toEqual([...listed].sort());
    expect(listed).toEqual(expect.arrayContaining(['budget-2026.md', 'events/night-of-reading.md']));
    expect(await documents.list(['.'])).toEqual(listed);
  });

  test('each document stands once, in the order in which it was first named', async () => {
    const listed = await documents.list([
      'sprachcafe.md',
      './events//',
      'events/night-of-reading.md',
      'sprachcafe.md',
    ]);

    expect(listed).toEqual(['sprachcafe.md', 'events/book-sale-checklist.txt', 'events/night-of-reading.md']);
  });

  test('a folder named many times is walked once', async () => {
    const repeated = Array.from({ length: 100_000 }, (_, index) => (index % 2 ? '.' : './'));
    const begun = performance.now();

    await documents.list(repeated);

    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('measures', () => {
  test.each([
    ['', 0, 0],
    ['one', 1, 1],
    ['one\n', 1, 1],
    ['one two\n\nthree', 3, 3],
    ['  été  \r\n日本語 ', 2, 2],
  ])('%j has the lines and words an editor shows', async (text, lines, words) => {
    await writeFile(join(root, 'one.txt'), text);

    expect(await documents.stats('one.txt', never)).toMatchObject({
      bytes: Buffer.byteLength(text),
      lines,
      words,
    });
  });

  test('a word and a character across two chunks count once, and the digest is that of the file', async () => {
    const text = `${'ä'.repeat(40_000)} ${'b'.repeat(100_000)}\nend`;
    await writeFile(join(root, 'long.txt'), text);
    const sha256 = createHash('sha256').update(text).digest('hex');

    expect(await documents.stats('long.txt', never)).toEqual({
      bytes: Buffer.byteLength(text),
      lines: 2,
      words: 3,
      sha256,
    });
  });

  test('a signal ends the work within a file', async () => {
    const file = await open(join(root, 'huge.bin'), 'w');
    await file.truncate(4 * 1024 ** 3); // sparse: takes no disk
    await file.close();
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('cancelled')), 20);

    await expect(documents.stats('huge.bin', controller.signal)).rejects.toThrow('cancelled');
  });
});

test('a document too large to read at once is refused in words', async () => {
  await writeFile(join(root, 'large.txt'), Buffer.alloc(1024 * 1024 + 1));

  await expect(documents.read('large.txt')).rejects.toThrow('The document is larger than 1048576 bytes');
});

test('removing takes the one document and nothing else', async () => {
  const before = await documents.list();

  await documents.remove('events/night-of-reading.md');

  expect(await documents.list()).toEqual(before.filter((path) => path !== 'events/night-of-reading.md'));
});

test('a folder that does not exist stops the start, naming the setting', async () => {
  await rm(root, { recursive: true });

  await expect(openDocuments(root)).rejects.toThrow('FILES_ROOT is not a folder');
});

test('npm run doctor says that such a start would fail', () => {
  const env = { PORT: '0', ADMIN_PORT: '0', FILES_ROOT: join(root, 'absent') };
  const { status, stdout } = spawnSync(process.execPath, [builtFile('doctor.js')], { env, encoding: 'utf8' });

  expect(status).toBe(78);
  expect(stdout).toMatch(/^ +problem +services: FILES_ROOT/m);
});
