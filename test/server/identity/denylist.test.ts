import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Caller } from '../../../src/server/identity/caller.js';
import { openDenylist, parseDenylist } from '../../../src/server/identity/denylist.js';
import type { Verifier } from '../../../src/server/identity/verifier.js';

const ALICE: Caller = {
  issuer: 'https://issuer.example',
  subject: 'alice',
  clientId: 'app',
  tokenId: 't1',
  method: 'jwt',
  scopes: [],
};
const KEY: Caller = {
  issuer: 'api-key',
  subject: 'k1k1k1k1k1k1',
  keyId: 'k1k1k1k1k1k1',
  method: 'api-key',
  scopes: [],
};

test.each<[string, object, Caller]>([
  ['subject', { subjects: ['https://issuer.example alice'] }, ALICE],
  ['client', { clients: ['app'] }, ALICE],
  ['token', { tokens: ['t1'] }, ALICE],
  ['key', { keys: ['k1k1k1k1k1k1'] }, KEY],
])('a caller is denied by its %s', (_by, list, caller) => {
  const isDenied = parseDenylist(JSON.stringify(list));

  expect(isDenied(caller)).toBe(true);
  const { issuer, method, scopes } = caller;
  expect(isDenied({ issuer, method, scopes, subject: 'other' })).toBe(false);
});

test.each([
  ['the same subject of another issuer', { subjects: ['https://other.example alice'] }],
  ['a subject that begins alike', { subjects: ['https://issuer.example ali'] }],
  ['another case', { subjects: ['https://issuer.example Alice'], clients: ['App'] }],
  ['nobody', {}],
])('a caller is not denied by %s', (_by, list) => {
  expect(parseDenylist(JSON.stringify(list))(ALICE)).toBe(false);
});

test.each([
  ['is empty', ''],
  ['is half written', '{"subjects":["https://issuer.example secret-name'],
  ['is a list', '["secret-name"]'],
  ['is null', 'null'],
  ['misspells a member', '{"subject":["https://issuer.example secret-name"]}'],
  ['holds one name where a list belongs', '{"clients":"secret-name"}'],
  ['names a subject without an issuer', '{"subjects":["secret-name"]}'],
  ['holds a whole key', '{"keys":["mcp_dev_k1k1k1k1k1k1_secret-name"]}'],
  ['holds an empty name', '{"tokens":[""]}'],
  ['holds a number', '{"clients":[7]}'],
])('a file that %s is refused, without its values', (_what, text) => {
  const problem = (() => {
    try {
      return void parseDenylist(text);
    } catch (error) {
      return (error as Error).message;
    }
  })();

  expect(problem).toMatch(/^not a denylist: /);
  expect(problem).not.toContain('secret-name');
});

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'denylist-'))));
afterEach(() => rm(folder, { recursive: true }));

const good: Verifier = { kind: 'jwt', accepts: () => true, verify: async () => ALICE, close() {} };

test('while the file is away or broken every credential is refused with 503, and logged once', async () => {
  const file = join(folder, 'denylist.json');
  let now = 0;
  const logged: string[] = [];
  const logger = { warn: (_facts: object, message: string) => void logged.push(message) };
  await writeFile(file, '{}');
  const { verify } = (await openDenylist(file, logger, () => now)).guard(good);
  const after = async (change: () => Promise<unknown>) => {
    await change();
    now += 1000;
    return verify('token');
  };

  await expect(verify('token')).resolves.toBe(ALICE);
  const unavailable = { code: 'store_unavailable', status: 503 };
  await expect(after(() => rm(file))).rejects.toMatchObject(unavailable);
  await expect(after(async () => {})).rejects.toMatchObject(unavailable);
  await expect(after(() => writeFile(file, '{"clients":["app"'))).rejects.toMatchObject(unavailable);
  await expect(after(() => writeFile(file, '{"clients":["app"]}'))).rejects.toMatchObject({ status: 401 });
  await expect(after(() => writeFile(file, '{"clients":[]}'))).resolves.toBe(ALICE);
  expect(logged).toHaveLength(2);
});

test('a file that cannot be read at the start stops it', async () => {
  await expect(openDenylist(join(folder, 'none.json'), { warn: () => {} })).rejects.toThrow('ENOENT');
  await expect(openDenylist(folder, { warn: () => {} })).rejects.toThrow('not a regular file');
});
