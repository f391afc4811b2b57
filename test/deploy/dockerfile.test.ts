import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { lintDockerfile, lintDockerignore } from '../../scripts/deploy/dockerfile.js';

const FILE = readFileSync('deploy/Dockerfile', 'utf8');
const IGNORE = readFileSync('.dockerignore', 'utf8');
const rules = (file: string) => [...new Set(lintDockerfile(file).map(({ rule }) => rule))];

test('the image is built as it should be', () => {
  expect(lintDockerfile(FILE)).toEqual([]);
  expect(lintDockerignore(IGNORE)).toEqual([]);
});

const BROKEN: readonly (readonly [rule: string, was: string, is: string])[] = [
  ['base', 'FROM scratch', 'FROM ${NODE_IMAGE}'],
  ['user', 'USER 65532:65532', 'USER node'],
  ['user', 'USER 65532:65532', 'USER 1000:1000'],
  ['user', 'USER 65532:65532\n', ''],
  ['process', 'CMD ["dist/main.js"]', 'CMD node dist/main.js'],
  [
    'process',
    'ENTRYPOINT ["/usr/local/bin/node", "--min-semi-space-size=16", "--max-semi-space-size=16"]',
    'ENTRYPOINT ["npm", "start"]',
  ],
  [
    'process',
    'ENTRYPOINT ["/usr/local/bin/node", "--min-semi-space-size=16", "--max-semi-space-size=16"]',
    '',
  ],
  ['install', '"npm", "ci", "--ignore-scripts"]', '"npm", "install", "--ignore-scripts"]'],
  ['install', '"npm", "ci", "--ignore-scripts"]', '"npm", "ci"]'],
  ['production', ', "--omit=dev"', ''],
  ['copy', 'COPY src src', 'COPY . .'],
];

test.each(BROKEN)('a mistake is seen: %s, %j → %j', (rule, was, is) => {
  expect(FILE).toContain(was);
  expect(rules(FILE.replaceAll(was, is))).toContain(rule);
});

test.each([[''], ['*\n!.env'], ['*\n!**'], ['node_modules']])(
  'a .dockerignore that lets in too much is seen: %j',
  (file) => {
    expect(lintDockerignore(file)).not.toEqual([]);
  },
);
