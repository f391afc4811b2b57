import { expect, test } from '@jest/globals';
import { problemsOf } from '../../scripts/evidence.js';
import { controlsPage } from '../../scripts/evidence/page.js';
import { readSources, requirementsOf, type Requirement } from '../../scripts/evidence/requirements.js';
import type { Results } from '../../scripts/evidence/results.js';
import { read } from '../helpers/pages.js';

const FILE = 'test/server/layers/origin-guard.test.ts';
const origin: Requirement = {
  id: 'origin',
  clause: 'Transports, Security warning',
  text: 'An origin that is not allowed is 403.',
  control: ['src/server/layers/origin-guard.ts'],
  tests: ['server/layers/origin-guard › an origin › %p is refused'],
};
const ran = (...tests: [name: string, status: string][]): Results =>
  new Map([
    [FILE, { began: 0, tests: tests.map(([name, status]) => ({ name: ['an origin', name], status })) }],
  ]);

test('a requirement is shown when every test that is meant has passed', () => {
  const results = ran(['"a" is refused', 'passed'], ['"b" is refused', 'passed'], ['another', 'failed']);

  expect(problemsOf([origin], results)).toEqual([]);
});

test.each([
  ['is missing', ran(['another', 'passed']), 'has no test'],
  ['never ran', new Map(), 'has no test'],
  ['was skipped', ran(['"a" is refused', 'pending']), 'is pending'],
  ['failed in one row', ran(['"a" is refused', 'passed'], ['"b" is refused', 'failed']), 'is failed'],
])('a requirement whose test %s is named with its clause', (_, results, why) => {
  const [problem, ...more] = problemsOf([origin], results);

  expect(problem).toMatch(`origin (Transports, Security warning): ${FILE}`);
  expect(problem).toContain(why);
  expect(more).toEqual([]);
});

test('a control or a page that does not exist, and an id that comes twice, are problems', () => {
  const passed = ran(['"a" is refused', 'passed']);
  const elsewhere = { ...origin, control: ['src/server/gone.ts'] };
  const yours: Requirement = { id: 'origin', text: 'Yours', yours: 'docs/gone.md' };

  expect(problemsOf([elsewhere], passed)).toEqual([
    'origin (Transports, Security warning): there is no src/server/gone.ts',
  ]);
  expect(problemsOf([origin, yours], passed)).toEqual([
    'origin (Transports, Security warning): another requirement has this id',
    'origin (Yours): another requirement has this id',
    'origin (Yours): there is no docs/gone.md',
  ]);
});

test('docs/controls.md is what npm run evidence writes', () => {
  expect(read('docs/controls.md')).toBe(controlsPage(readSources()));
});

test('whoever a requirement belongs to is there', () => {
  const withoutTests = requirementsOf(readSources()).map((requirement) => ({
    ...requirement,
    tests: undefined,
  }));

  expect(problemsOf(withoutTests, new Map())).toEqual([]);
});
