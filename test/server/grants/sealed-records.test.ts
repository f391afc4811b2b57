import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { sealedRecords } from '../../../src/server/grants/sealed-records.js';
import { memoryKeptValues } from '../../../src/server/stores/memory/kept-values.js';

const [OLD, NEW] = [randomBytes(32), randomBytes(32)];
const RECORD = { accessToken: 'hunter2' };

test('the store never holds the text of a record, nor the same text twice', async () => {
  const store = memoryKeptValues();
  const records = sealedRecords<typeof RECORD>('r', [NEW], store);
  await records.set('a', RECORD, 60_000);
  const first = await store.get('r:a');
  await records.set('a', RECORD, 60_000);

  expect(Buffer.from(first ?? '', 'base64url').toString()).not.toContain('hunter2');
  expect(await store.get('r:a')).not.toBe(first);
  expect(await records.get('a')).toEqual(RECORD);
});

test('a record under another name, changed, cut off or made up does not exist', async () => {
  const store = memoryKeptValues();
  const records = sealedRecords<typeof RECORD>('r', [NEW], store);
  await records.set('a', RECORD, 60_000);
  const sealed = Buffer.from((await store.get('r:a')) ?? '', 'base64url');
  const wrong = [
    sealed,
    sealed.subarray(0, -1),
    sealed.subarray(0, 20),
    sealed.subarray(0, 5),
    Buffer.from(''),
  ];
  for (const value of wrong) {
    await store.set('r:b', value.toString('base64url'), 60_000);
    expect(await records.get('b')).toBeUndefined();
  }
  for (const at of [0, 12, 28]) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await store.set('r:a', changed.toString('base64url'), 60_000);
    expect(await records.get('a')).toBeUndefined();
  }
});

test('the first key seals and all open: keys can be exchanged one after the other', async () => {
  const store = memoryKeptValues();
  await sealedRecords<typeof RECORD>('r', [OLD], store).set('a', RECORD, 60_000);
  await sealedRecords<typeof RECORD>('r', [NEW, OLD], store).set('b', RECORD, 60_000);

  expect(await sealedRecords<typeof RECORD>('r', [NEW, OLD], store).get('a')).toEqual(RECORD);
  expect(await sealedRecords<typeof RECORD>('r', [NEW], store).get('b')).toEqual(RECORD);
  expect(await sealedRecords<typeof RECORD>('r', [NEW], store).get('a')).toBeUndefined();
});
