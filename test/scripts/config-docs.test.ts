import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, test } from '@jest/globals';
import { configurationPage, envExample, SECTIONS } from '../../scripts/config-docs.js';
import { readConfig } from '../../src/server/config/index.js';
import { Variables } from '../../src/server/config/schema.js';
import { settings } from '../../src/settings.js';
import { SETTINGS } from '../settings.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('.env.example is what `npm run docs:config` writes', () => {
  expect(read('.env.example')).toBe(envExample());
});

test('docs/configuration.md is what `npm run docs:config` writes', () => {
  expect(read('docs/configuration.md')).toBe(configurationPage());
});

test('every variable is in a section, and every one is explained', () => {
  const shown = Object.assign({}, ...Object.values(SECTIONS)) as object;
  expect(Object.keys(shown)).toEqual(expect.arrayContaining(Object.keys(Variables.shape)));
  expect(envExample()).not.toMatch(/^# \.$/m);
});

test('.env.example changes nothing when every line of it is taken', () => {
  const taken = parseEnv(envExample().replaceAll(/^#(?=[A-Z_]+=)/gm, ''));
  const { problems } = readConfig({ ...taken, ...SETTINGS }, settings);
  expect(problems.filter(({ variable }) => !/^(JWT_|CHALLENGE_SCOPES)/.test(variable))).toEqual([]);
});
