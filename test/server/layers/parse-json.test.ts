import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseJson, scanJson } from '../../../src/server/layers/parse-json.js';
import { RefusedRequest } from '../../../src/server/refusal.js';

const LIMITS = { maxDepth: 64, maxMembers: 10_000 };
const parse = (text: string | Buffer) => parseJson(Buffer.from(text as string), LIMITS).value;

/** The reason of a refusal, or `undefined` when the text was parsed. */
function reasonFor(text: string | Buffer): unknown {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof RefusedRequest) || error.code !== 'malformed_json') throw error;
    return error.detail?.['reason'];
  }
}

describe('parsing', () => {
  test('agrees with JSON.parse on every JSON text', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 10 }), (text) => {
        fc.pre(!text.includes('"__proto__"'));
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('refuses whatever JSON.parse refuses', () => {
    const near = fc.tuple(fc.json(), fc.string(), fc.nat(40)).map(([json, insert, at]) => {
      return json.slice(0, at) + insert + json.slice(at);
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        if (!valid) expect(reasonFor(text)).toBeDefined();
      }),
    );
  });

  test('refuses every object in which one key is written twice, however it is spelt', () => {
    const escaped = (key: string) =>
      `"${Array.from(key, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
    const bmp = fc.string({ unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(
        fc.dictionary(bmp, fc.jsonValue()),
        bmp,
        fc.boolean(),
        fc.nat(5),
        (object, key, disguise, depth) => {
          fc.pre(key !== '__proto__' && !JSON.stringify(object).includes('__proto__'));
          const members = Object.entries({ ...object, [key]: 1 }).map(
            ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
          );
          const again = `${disguise ? escaped(key) : JSON.stringify(key)}:2`;
          const text = `${'{"in":['.repeat(depth)}{${[...members, again].join(',')}}${']}'.repeat(depth)}`;
          expect(reasonFor(text)).toBe('duplicate_key');
        },
      ),
    );
  });

  test.each([
    ['', 'syntax'],
    [' ', 'syntax'],
    ['{', 'syntax'],
    ['{"a":1}{"a":1}', 'syntax'],
    ['{"a":"\u0000"}', 'syntax'],
    ['\uFEFF{}', 'syntax'],
    [Buffer.from([0x22, 0xff, 0x22]), 'not_utf8'],
    [Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'not_utf8'], // overlong "/"
    [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'not_utf8'], // a lone surrogate
    [Buffer.from('{}', 'utf16le'), 'syntax'],
    ['{"a":1,"a":1}', 'duplicate_key'],
    ['{"a":{"b":1,"\\u0062":2}}', 'duplicate_key'],
    ['[{"a":{"b":[{"c":1,"c":1}]}}]', 'duplicate_key'],
    ['{"__proto__":{"admin":true}}', 'prototype_key'],
    ['{"a":[{"__proto__":1}]}', 'prototype_key'],
    ['{"\\u005f_proto__":1}', 'prototype_key'],
    ['{"constructor":{"prototype":{}}}', 'prototype_key'],
  ])('%p is refused: %s', (text, reason) => {
    expect(reasonFor(text)).toBe(reason);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test.each([
    'null',
    '0',
    '"a:b{[\\"\\\\"',
    '{"constructor":1}',
    '{"":{"":{}}}',
    '[{"a":1},{"a":1}]',
    '{"a":":"}',
  ])('%s is parsed', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test.each([
    ['[', ']'],
    ['{"a":', '}'],
  ])('nesting by %s passes at 64 levels and is refused at 65', (open, close) => {
    const nested = (depth: number) => open.repeat(depth) + (open === '[' ? '' : '1') + close.repeat(depth);

    expect(reasonFor(nested(64))).toBeUndefined();
    expect(reasonFor(nested(65))).toBe('too_deep');
    expect(reasonFor(open.repeat(500_000))).toBe('too_deep');
  });

  test.each([
    ['members of one object', (count: number) => `{${times(count, (i) => `"${i}":1`)}}`],
    [
      'members of many objects',
      (count: number) => `[${times(count / 4, (i) => `{"a":${i},"b":{"c":1,"d":[]}}`)}]`,
    ],
    ['elements of one array', (count: number) => `[${times(count, String)}]`],
    ['elements of many arrays', (count: number) => `{${times(count / 4, (i) => `"${i}":[1,2,[{}]]`)}}`],
  ])('10,000 %s pass, and more are refused before anything is built', (_name, text) => {
    expect(reasonFor(text(10_000))).toBeUndefined();
    expect(reasonFor(text(10_004))).toBe('too_many_members');
    expect(reasonFor(`${text(10_004)} no JSON`)).toBe('too_many_members');
  });
});

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join();

test.each([
  ['long keys', `{${times(9_900, (i) => `"${String(i).padStart(95, 'k')}":1`)}}`],
  ['long elements', `[${times(9_900, (i) => `"${String(i).padStart(95, 'k')}"`)}]`],
  ['one string', JSON.stringify('é'.repeat(500_000))],
  ['escapes', `"${'\\u0001'.repeat(170_000)}"`],
  ['far too many short keys', `{${times(70_000, (i) => `"k${i}":1`)}}`],
])('a body of the allowed size costs no more than a few plain parses of it: %s', (_name, text) => {
  const bytes = Buffer.from(text);
  const shortest = { ours: Infinity, plain: Infinity };
  const isDear = () => shortest.ours >= 10 * shortest.plain;
  // More rounds only where other processes keep the machine busy.
  for (let round = 0; round < 20 || (round < 500 && isDear()); round += 1) {
    shortest.ours = Math.min(
      shortest.ours,
      durationOf(() => reasonFor(bytes)),
    );
    shortest.plain = Math.min(
      shortest.plain,
      durationOf(() => JSON.parse(bytes.toString())),
    );
  }

  expect(isDear()).toBe(false); // 3 at most where nothing else runs
});

function durationOf(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

test('the scan sees members, and nothing inside strings', () => {
  const scan = (text: string) => scanJson(Buffer.from(text), LIMITS).members;

  expect(scan('{"a:{[":"\\":{[","b":[[1,{"c":"é:"}]]}')).toBe(3);
  expect(scan('"unfinished \\')).toBe(0);
});

test.each([
  ['{"params":{"name":"é","arguments": {"a":[1, 2]} },"id":1}', '{"a":[1, 2]}'],
  ['{"params":{"\\u0061rguments":{"arguments":{}}}}', '{"arguments":{}}'],
  ['{"arguments":{"a":1},"params":{"_meta":{"arguments":{"b":1}},"arguments":{}}}', '{}'],
  ['{"arguments":{"a":1},"x":{"arguments":{"b":1}},"params":{"arguments":1},"y":[[2]]}', undefined],
])('of %s the arguments came as %s', (text, expected) => {
  expect(parseJson(Buffer.from(text), LIMITS).argumentBytes?.toString()).toBe(expected);
});
