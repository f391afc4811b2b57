import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isGenuine, isRecord, isTorn, readObject } from '../../../../src/server/commands/audit/record.js';
import { canonicalJson } from '../../../../src/server/observe/canonical-json.js';
import { escapeUnsafe } from '../../../../src/server/observe/unsafe-characters.js';
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

test('with a member left out, repeated or put in, a record is not genuine', () => {
  const members = Object.entries(JSON.parse(line.toString()) as object).map(
    ([name, value]) => `"${name}":${canonicalJson(value)}`,
  );
  const lineOf = (list: readonly string[]) => Buffer.from(escapeUnsafe(`{${list.join(',')}}`));
  expect(lineOf(members)).toEqual(line);
  const changed = members.flatMap((member, at) => [
    members.toSpliced(at, 1),
    members.toSpliced(at, 0, member),
    members.toSpliced(at, 0, '"more":1'),
  ]);

  expect(changed.map(lineOf).filter(isAccepted).map(String)).toEqual([]);
});
