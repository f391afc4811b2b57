/** The variables that the pages show are ones with which the server would start. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/server/config/index.js';
import { blocks, pages, read } from '../helpers/pages.js';
import { commands } from './shell-blocks.js';

type Variables = Readonly<Record<string, string>>;

/** Of `NAME=value` each. */
const variables = (words: readonly string[]): Variables =>
  Object.fromEntries(
    words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );

const files = pages().flatMap((page) =>
  blocks(read(page))
    .filter(({ language }) => language === 'dotenv')
    .map(({ text }) => [page, variables(text.trimEnd().split('\n'))] as const),
);
const beforeStart = commands.flatMap(({ page, text }) => {
  const [, words] = /^((?:[A-Z_]+=\S+ )+)(?:npm start|node dist\/main\.js)$/.exec(text) ?? [];
  return words === undefined ? [] : [[page, variables(words.trimEnd().split(' '))] as const];
});

/** What the operator writes into the files. */
const CONTENTS: Variables = {
  'api-keys.json': '{"version":1,"keys":[]}',
  'redis-url': 'rediss://mcp:secret@redis.internal:6379',
  'state-keys': randomBytes(32).toString('base64url'),
  'introspection-secret': 'secret',
  'audit.key': generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  'audit-hmac-key': randomBytes(32).toString('base64'),
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'variables-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Below our folder, with what belongs into it; a value that the page leaves out is a key. */
function filled([name, value]: [string, string]): [string, string] {
  if (!name.endsWith('_FILE')) return [name, value.replaceAll('…', randomBytes(32).toString('base64url'))];
  const path = join(folder, value);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, String(CONTENTS[basename(path)]));
  return [name, path];
}
const load = (shown: Variables) => loadConfig(Object.fromEntries(Object.entries(shown).map(filled)));

test.each(files)('%s: the server starts with the variables of its block', (_page, shown) => {
  expect(() => load(shown)).not.toThrow();
});

test.each(beforeStart)('%s: the server starts with the variables in front of it', (_page, shown) => {
  expect(() => load(shown)).not.toThrow();
});
