import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { testName } from '../../scripts/evidence/results.js';
import { BREAKS, type Break } from '../../scripts/mutation.js';
import { ROOT } from '../helpers/pages.js';

const timesIn = (file: string, text: string) => readFileSync(join(ROOT, file), 'utf8').split(text).length - 1;

test('each break changes one place of the server', () => {
  const isElsewhere = ({ file, text, by }: Break) => timesIn(`src/server/${file}`, text) !== 1 || text === by;

  expect(BREAKS.filter(isElsewhere)).toEqual([]);
  expect(BREAKS.length).toBeGreaterThanOrEqual(60);
});

test('each break names a test that is there', () => {
  const isMissing = (one: Break) => !existsSync(join(ROOT, testName(one.test).file));

  expect(BREAKS.filter(isMissing)).toEqual([]);
});
