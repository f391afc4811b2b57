import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isGenuine, isRecord, isTorn, readObject } from '../../../../src/server/commands/audit/record.js';
import { AuditFiles } from './files.js';

let files: AuditFiles;
let line: Buffer;

beforeEach(async () => {
  files = await AuditFiles.make();
  await files.write('a.log', 1);
  line = Buffer.from((await files.lines('a.log'))[0] ?? '');
});
afterEach(() => files.remove());

const isAccepted = (bytes: Buffer): boolean => {
  const value = readObject(bytes);
  return value === undefined ? isTorn(bytes) : isRecord(value) && isGenuine(value, bytes);
};

test('a record is genuine as it was written', () => {
  expect(isAccepted(line)).toBe(true);
});

test('with any bit of it changed, a record is neither genuine nor torn', () => {
  const changed = [...line.keys()].flatMap((at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => {
      const bytes = Buffer.from(line);
      bytes[at] = (line[at] as number) ^ (1 << bit);
      return bytes;
    }),
  );

  expect(changed.filter(isAccepted).map(String)).toEqual([]);
});

test('the first part of a record is torn, except where it could be a changed record', () => {
  const parts = [...line.keys()].slice(1).map((length) => line.subarray(0, length));
  const others = parts.filter((part) => !isAccepted(part)).map((part) => part.toString().slice(-2));

  // Behind an inner object, behind the digits of the whole hash, and behind their quotation mark.
  const ends = ['"}', 'l}', expect.stringMatching(/^[\da-f]{2}$/), expect.stringMatching(/^[\da-f]"$/)];
  expect(others).toEqual(ends);
});
