/** Every block of code of every page is run or read by a test, or says that it is output. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { blocks, pages, read, ROOT } from '../helpers/pages.js';
import { shownFor, TESTS } from './shell-blocks.js';

/** Which test takes the blocks of a language, on which pages. A new row comes with its test. */
const TAKEN_BY: readonly (readonly [language: string, page: RegExp, test: string])[] = [
  ['ts', /^docs\/add-a-tool\.md$/, 'docs/add-a-tool'],
  ['ts', /^docs\/larger-tool\.md$/, 'docs/larger-tool'],
  ['ts', /./, 'docs/code'],
  ['sh', /./, 'docs/commands'], // and the others of shell-blocks.ts
  ['dotenv', /./, 'docs/variables'],
  ['promql', /./, 'deploy/alerts'],
  ['diff', /^docs\/what-you-may-delete\.md$/, 'docs/what-you-may-delete'],
  ['json', /^docs\/request-lifecycle\.md$/, 'docs/requests'],
  ['json', /^docs\/clients\.md$/, 'scripts/connect'],
  ['toml', /^docs\/clients\.md$/, 'scripts/connect'],
];
/** Output, or a drawing: nothing to run. */
const SHOWN = 'text';

const fileOf = (name: string) => join(ROOT, 'test', `${name}.test.ts`);

test('every block has a language that a test takes, or is marked as output', () => {
  const isTaken = (page: string, language: string) =>
    language === SHOWN || TAKEN_BY.some(([name, where]) => name === language && where.test(page));
  const untaken = pages().flatMap((page) =>
    blocks(read(page))
      .filter(({ language }) => !isTaken(page, language))
      .map(({ language, text }) => `${page}: \`\`\`${language} ${text.split('\n')[0]}`),
  );
  expect(untaken).toEqual([]);
});

test('no block is hidden from this test by an unusual fence', () => {
  const hidden = pages().filter((page) => {
    const fences = [...read(page).matchAll(/^[\s>]*(?:[-*] +|\d+\. +)?(?:```|~~~)/gm)];
    return fences.length !== 2 * blocks(read(page)).length;
  });
  expect(hidden).toEqual([]);
});

test('the tests that are to take them are there, and none without a block', () => {
  const tests = [...TAKEN_BY.map(([, , name]) => name), ...TESTS];
  expect(tests.filter((name) => !existsSync(fileOf(name)))).toEqual([]);

  expect(TESTS.filter((name) => shownFor(name).length === 0)).toEqual([]);
  const isAsking = (name: string) => readFileSync(fileOf(name), 'utf8').includes(`shownFor('${name}')`);
  expect(TESTS.filter((name) => !isAsking(name))).toEqual(['scripts/connect']); // which has what it is made from
});
