import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileCatalog } from '../../src/server/mcp/definitions/catalog.js';
import { resources } from '../../src/resources/index.js';
import { documentFolder, recordedContext } from './context.js';

let root: string;
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ root, remove } = await documentFolder());
});
afterEach(() => remove());

const catalog = compileCatalog({ tools: [], resources, prompts: [] });

async function read(uri: string) {
  const found = catalog.findResource(uri);
  if (!found) return undefined;
  const { context } = await recordedContext(root);
  return found.resource.definition.read(uri, found.variables, context);
}

test('every listed document can be read by its URI, also one whose name needs encoding', async () => {
  await writeFile(join(root, 'events/Große Pause?.md'), 'ä');
  const { context } = await recordedContext(root);
  const listed = await resources[0]?.list?.(context);

  expect(listed?.length).toBeGreaterThan(12);
  for (const { uri, name } of listed ?? []) {
    expect(await read(uri)).toMatchObject({ uri, text: await readFile(join(root, name), 'utf8') });
  }
});

test('a document has one URI: what clients make of the template, and no other spelling', async () => {
  const name = 'events/a, b & c.md';
  await writeFile(join(root, name), 'ä');
  const uri = 'documents:///events/a,%20b%20&%20c.md';

  expect(await read(uri)).toMatchObject({ uri, text: 'ä' });
  for (const alias of [
    'documents:///events/a%2C%20b%20%26%20c.md',
    'documents:///events%2Fa,%20b%20&%20c.md',
    'documents:///events/a,%20b%20&%20c.md/',
    'documents:///events//a,%20b%20&%20c.md',
    'documents:///./events/a,%20b%20&%20c.md',
    'documents:////events/a,%20b%20&%20c.md',
    'documents:///%65vents/a,%20b%20&%20c.md',
    'DOCUMENTS:///events/a,%20b%20&%20c.md',
  ])
    expect([alias, await read(alias)]).toEqual([alias, undefined]);
});

test('a document that is not UTF-8 is answered as bytes', async () => {
  await writeFile(join(root, 'bytes.txt'), Buffer.from([0xff, 0xfe, 0x00]));

  expect(await read('documents:///bytes.txt')).toMatchObject({ blob: '//4A' });
});

test.each([
  'missing.md',
  '..%2Fsecret.txt',
  '%2e%2e/secret.txt',
  '%2Fetc%2Fhostname',
  'link.txt',
  'events',
  'a%00.md',
])('documents:///%s is simply not there', async (path) => {
  await writeFile(join(root, '../secret.txt'), 'outside');
  await symlink('../secret.txt', join(root, 'link.txt'));

  expect(await read(`documents:///${path}`)).toBeUndefined();
});

test('the path of the template is completed with the documents', async () => {
  const { context } = await recordedContext(root);

  expect(await resources[0]?.complete?.['path']?.('', context)).toContain('events/night-of-reading.md');
});
