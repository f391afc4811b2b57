import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { checkTemplate, digestOf } from '../../../../src/server/commands/doctor/template.js';
import { commitAll, git } from '../../../helpers/git.js';

let folder: string;
const write = (path: string, text: string) => writeFileSync(join(folder, path), text);
const writeTemplate = (from: string) => {
  const digests = Object.fromEntries(
    ['a.ts', 'b.ts', 'samples/c.ts'].map((path) => [path, digestOf(Buffer.from(path))]),
  );
  write('template.json', JSON.stringify({ version: '0.9.0', from, samples: ['samples/'], digests }));
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'template-check-'));
  writeTemplate('');
  for (const path of ['a.ts', 'b.ts']) write(path, path);
});
afterEach(() => rmSync(folder, { recursive: true }));

test('samples that were removed are no difference, and an image without template.json is not judged', async () => {
  expect(await checkTemplate(folder)).toEqual([
    { check: 'template', level: 'ok', message: 'version 0.9.0, none of its files changed' },
  ]);
  rmSync(join(folder, 'template.json'));
  expect(await checkTemplate(folder)).toEqual([]);
});

test('files of the template that were changed or deleted are named', async () => {
  write('a.ts', 'mine');
  rmSync(join(folder, 'b.ts'));
  expect(await checkTemplate(folder)).toMatchObject([
    { level: 'warning', message: expect.stringMatching(/0\.9\.0.*: a\.ts, b\.ts$/) },
  ]);
});

test('a newer version in the source is named; a source that cannot be asked is a warning without its URL', async () => {
  const source = join(folder, 'source');
  mkdirSync(source);
  git(source, 'init', '-q');
  for (const tag of ['v0.9.0', 'v0.10.0', 'v0.2.0', 'v1.0.0-rc.1']) commitAll(source, tag);
  writeTemplate(source);
  const [, found] = await checkTemplate(folder);
  expect(found).toMatchObject({ level: 'warning', message: 'version 0.10.0 is available' });

  git(source, 'tag', '-d', 'v0.10.0');
  expect((await checkTemplate(folder))[1]).toMatchObject({ level: 'ok' });

  writeTemplate('https://user:password@127.0.0.1:1/none');
  const [, unknown] = await checkTemplate(folder);
  expect(unknown).toMatchObject({ level: 'warning', message: expect.stringContaining('cannot be reached') });
  expect(JSON.stringify(unknown)).not.toContain('password');
});
