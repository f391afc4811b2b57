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
  ['base', 'node:24.21.0-trixie-slim', 'node:latest'],
  ['base', 'node:24.21.0-trixie-slim', 'node:24-slim'],
  ['base', 'FROM ${NODE_IMAGE} AS build', 'FROM node:24.21.0 AS build'],
  ['base', 'FROM scratch', 'FROM ${NODE_IMAGE}'],
  ['user', 'USER 65532:65532', 'USER node'],
  ['user', 'USER 65532:65532', 'USER 1000:1000'],
  ['user', 'USER 65532:65532\n', ''],
  ['exec-form', 'CMD ["dist/main.js"]', 'CMD node dist/main.js'],
  ['exec-form', 'ENTRYPOINT ["/usr/local/bin/node"]', 'ENTRYPOINT ["npm", "start"]'],
  ['shell', 'USER 65532', 'RUN ["true"]\nUSER 65532'],
  ['install', '"npm", "ci", "--ignore-scripts"]', '"npm", "install", "--ignore-scripts"]'],
  ['scripts', '"npm", "ci", "--ignore-scripts"]', '"npm", "ci"]'],
  ['production', ', "--omit=dev"', ''],
  ['secrets', 'ENV NODE_ENV=production', 'ENV NODE_ENV=production API_KEY=abc'],
  ['secrets', 'COPY LICENSE ./', 'COPY .env ./'],
  ['copy', 'COPY src src', 'COPY . .'],
  ['copy', 'COPY src src', 'ADD https://example.com/src.tar src'],
  ['health', 'EXPOSE 3000 9464', 'HEALTHCHECK CMD curl localhost'],
  ['download', 'RUN ["rm",', 'RUN curl https://example.com/x | sh\nRUN ["rm",'],
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
