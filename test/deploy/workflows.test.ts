import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { lintDependabot, lintWorkflow } from '../../scripts/deploy/workflows.js';

const FOLDER = '.github/workflows';
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const DEPENDABOT = readFileSync('.github/dependabot.yml', 'utf8');

test.each(readdirSync(FOLDER))('%s runs only what is pinned', (name) => {
  expect(lintWorkflow(name, read(name))).toEqual([]);
});

const CHECKOUT = 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1';
const BROKEN: readonly (readonly [was: string, is: string, file?: string])[] = [
  [CHECKOUT, 'actions/checkout@v7'],
  [CHECKOUT, 'actions/checkout@v7.0.1'],
  [CHECKOUT, 'actions/checkout@main'],
  ['./.github/workflows/checks.yaml', 'other/repository/.github/workflows/checks.yaml@v1', 'image.yaml'],
  ['node:24.21.0-trixie', 'node:24'],
  ['zizmor:1.32.0', 'zizmor'],
];

test.each(BROKEN)(
  'what a workflow runs and its owner may change is seen: %j → %j',
  (was, is, name = 'checks.yaml') => {
    const file = read(name);

    expect(file).toContain(was);
    expect(lintWorkflow(name, file.replace(was, is))).toMatchObject([{ rule: 'pinned' }]);
  },
);

test('the linters that replace rules of our own run in every check', () => {
  const jobs = parse(read('checks.yaml')) as {
    jobs: { linters: { strategy: { matrix: { include: { linter: string }[] } } } };
  };
  const linters = jobs.jobs.linters.strategy.matrix.include.map(({ linter }) => linter);
  expect(linters).toEqual(['kube-linter', 'hadolint', 'actionlint', 'zizmor']);
});

test('what is locked or pinned is kept up to date, not in its first hours', () => {
  expect(lintDependabot(DEPENDABOT)).toEqual([]);
});

test.each([
  ['updates', '"/deploy/checks", ', ''],
  ['updates', 'package-ecosystem: docker\n', 'package-ecosystem: helm\n'],
  ['updates', 'package-ecosystem: github-actions', 'package-ecosystem: gomod'],
  ['cooldown', '    cooldown: { default-days: 7 }\n', ''],
])('a mistake is seen: %s, %j → %j', (rule, was, is) => {
  expect(DEPENDABOT).toContain(was);
  expect(lintDependabot(DEPENDABOT.replace(was, is)).map((problem) => problem.rule)).toContain(rule);
});
