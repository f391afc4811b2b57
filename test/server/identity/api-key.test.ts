import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import * as fc from 'fast-check';
import { apiKeyVerifier } from '../../../src/server/identity/api-key.js';
import { type ApiKeyEntry, developmentKey } from '../../../src/server/identity/api-key-entry.js';
import { newApiKey } from '../../../src/server/identity/api-key-format.js';

const SECOND = 1000;
let now = 1_800_000_000_000;
let folder: string;
let file: string;
const logger = { warn: jest.fn<(facts: object, message: string) => void>() };

const at = (offsetMs: number) => new Date(now + offsetMs).toISOString();
const write = (...keys: readonly ApiKeyEntry[]) => writeFile(file, JSON.stringify({ version: 1, keys }));
const open = () => apiKeyVerifier({ file, now: () => now, logger });
const refused = (reason: string) => ({
  code: 'credentials_invalid',
  message: 'Credentials not accepted',
  detail: { reason },
});

function makeKey(changes: Partial<ApiKeyEntry> = {}) {
  const { id, key, hash } = newApiKey('live');
  const entry: ApiKeyEntry = {
    id,
    name: 'test',
    scopes: ['a'],
    createdAt: at(0),
    secrets: [{ hash }],
    ...changes,
  };
  return { id, key, hash, entry };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  file = join(folder, 'keys.json');
  logger.warn.mockClear();
});
afterEach(() => rm(folder, { recursive: true }));

test('a good key tells its id and scopes', async () => {
  const { id, key, entry } = makeKey();
  await write(entry);
  const verifier = await open();

  expect(verifier.accepts(key)).toBe(true);
  await expect(verifier.verify(key)).resolves.toEqual({
    issuer: 'api-key',
    subject: id,
    keyId: id,
    method: 'api-key',
    scopes: ['a'],
  });
});

test('the file holds neither the key nor its secret', async () => {
  const { key, entry } = makeKey();
  const secret = key.split('_')[3] ?? '';

  expect(JSON.stringify(entry)).not.toContain(secret.slice(0, 8));
});

describe('the public answer is one, the reason is for the audit', () => {
  test('unknown, wrong secret, revoked, expired', async () => {
    const unknown = makeKey();
    const revoked = makeKey({ revokedAt: at(0) });
    const expired = makeKey({ expiresAt: at(0) });
    const good = makeKey({ expiresAt: at(1) });
    await write(revoked.entry, expired.entry, good.entry);
    const verifier = await open();

    await expect(verifier.verify(unknown.key)).rejects.toMatchObject(refused('unknown_key'));
    await expect(verifier.verify(newApiKey('live', good.id).key)).rejects.toMatchObject(
      refused('wrong_secret'),
    );
    await expect(verifier.verify(newApiKey('live', revoked.id).key)).rejects.toMatchObject(
      refused('wrong_secret'),
    );
    await expect(verifier.verify(revoked.key)).rejects.toMatchObject(refused('revoked'));
    await expect(verifier.verify(expired.key)).rejects.toMatchObject(refused('expired'));
    await expect(verifier.verify(good.key)).resolves.toBeDefined();
  });

  test('a bad checksum is refused before any look-up', async () => {
    const { key, entry } = makeKey();
    await write(entry);
    const verifier = await open();
    await rm(file); // a look-up would now answer 503
    now += SECOND;
    const spoiled = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');

    await expect(verifier.verify(spoiled)).rejects.toMatchObject(refused('bad_checksum'));
    await expect(verifier.verify('mcp_live_short')).rejects.toMatchObject(refused('malformed'));
  });

  test('any changed character makes a key worthless', async () => {
    const { key, entry } = makeKey();
    await write(entry);
    const verifier = await open();
    const changed = fc
      .tuple(fc.nat({ max: key.length - 1 }), fc.uint16Array({ maxLength: 2 }))
      .map(([at, units]) => key.slice(0, at) + String.fromCharCode(...units) + key.slice(at + 1))
      .filter((text) => text !== key);

    await fc.assert(
      fc.asyncProperty(changed, (text) =>
        expect(verifier.verify(text)).rejects.toMatchObject({ code: 'credentials_invalid' }),
      ),
      { numRuns: 500 },
    );
  });
});

test.each<[string, (key: string) => string]>([
  ['padding', (key) => `${key}=`],
  ['white space behind', (key) => `${key}\n`],
  ['white space before', (key) => ` ${key}`],
  ['a zero byte', (key) => `${key}\0`],
  ['upper case', (key) => key.toUpperCase()],
  ['another prefix', (key) => key.replace('mcp_live', 'MCP_live')],
  ['another alphabet', (key) => key.replaceAll('_', '-')],
  ['percent-encoding', (key) => key.replaceAll('_', '%5F')],
  ['wide characters', (key) => key.replaceAll(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))],
])('a key has one spelling: with %s it is refused', async (_, respelt) => {
  const { key, entry } = makeKey();
  await write(entry);
  const verifier = await open();

  await expect(verifier.verify(key)).resolves.toBeDefined();
  await expect(verifier.verify(respelt(key))).rejects.toMatchObject({ code: 'credentials_invalid' });
});

test('during a rotation both secrets work, then only the new one', async () => {
  const old = makeKey();
  const next = newApiKey('live', old.id);
  const secrets = [{ hash: next.hash }, { hash: old.hash, validUntil: at(SECOND) }];
  await write({ ...old.entry, secrets });
  const verifier = await open();

  await expect(verifier.verify(old.key)).resolves.toMatchObject({ subject: old.id });
  await expect(verifier.verify(next.key)).resolves.toMatchObject({ subject: old.id });
  now += SECOND;
  await expect(verifier.verify(old.key)).rejects.toMatchObject(refused('rotated'));
  await expect(verifier.verify(next.key)).resolves.toBeDefined();
});

describe('the file is read again when it changed', () => {
  test('within half a second, and not more often', async () => {
    const { key, entry } = makeKey();
    await write(entry);
    const verifier = await open();
    await write({ ...entry, revokedAt: at(0) });
    now += SECOND / 2 - 1;
    await expect(verifier.verify(key)).resolves.toBeDefined();

    now += 1;
    await expect(verifier.verify(key)).rejects.toMatchObject(refused('revoked'));
  });

  test('also when the clock was set back', async () => {
    const { key, entry } = makeKey();
    await write(entry);
    const verifier = await open();
    await write({ ...entry, revokedAt: at(0) });
    now -= 60 * SECOND;

    await expect(verifier.verify(key)).rejects.toMatchObject(refused('revoked'));
  });

  test('by the swap of a symbolic link, as Kubernetes mounts secrets', async () => {
    const before = makeKey();
    const after = makeKey();
    const publish = async (version: string, entry: ApiKeyEntry) => {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'keys.json'), JSON.stringify({ version: 1, keys: [entry] }));
      await symlink(version, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await publish('..1', before.entry);
    await symlink('..data/keys.json', file);
    const verifier = await open();
    await expect(verifier.verify(before.key)).resolves.toBeDefined();

    await publish('..2', after.entry);
    now += SECOND;
    await expect(verifier.verify(before.key)).rejects.toMatchObject(refused('unknown_key'));
    await expect(verifier.verify(after.key)).resolves.toBeDefined();
  });
});

describe('a file that became unusable', () => {
  const { hash, entry } = makeKey();
  test.each([
    ['is cut', '{"version":1,"keys":['],
    ['is empty', ''],
    ['has another version', '{"version":2,"keys":[]}'],
    ['misspells a member', JSON.stringify({ version: 1, keys: [{ ...entry, expiredAt: at(0) }] })],
    ['names an id twice', JSON.stringify({ version: 1, keys: [entry, entry] })],
    [
      'holds three secrets',
      JSON.stringify({ version: 1, keys: [{ ...entry, secrets: [{ hash }, { hash }, { hash }] }] }),
    ],
  ])('because it %s accepts no key, says so once, and is used again when good', async (_, text) => {
    const good = makeKey();
    await write(good.entry);
    const verifier = await open();
    await writeFile(file, text);
    for (let attempt = 0; attempt < 3; attempt++) {
      now += SECOND;
      await expect(verifier.verify(good.key)).rejects.toMatchObject({
        code: 'store_unavailable',
        status: 503,
        headers: { 'Retry-After': '5' },
      });
    }
    expect(logger.warn).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(logger.warn.mock.calls)).not.toContain(hash);

    await write(good.entry);
    now += SECOND;
    await expect(verifier.verify(good.key)).resolves.toBeDefined();
  });

  test('because a FIFO has its place accepts no key, and holds no thread of the process', async () => {
    const good = makeKey();
    await write(good.entry);
    const verifier = await open();
    await rm(file);
    execFileSync('mkfifo', [file]);
    for (let attempt = 0; attempt < 6; attempt++) {
      now += SECOND;
      await expect(verifier.verify(good.key)).rejects.toMatchObject({ code: 'store_unavailable' });
    }

    await rm(file);
    await write(good.entry);
    now += SECOND;
    await expect(verifier.verify(good.key)).resolves.toBeDefined();
  });

  test('stops the start', async () => {
    await expect(open()).rejects.toThrow('ENOENT');
    await writeFile(file, 'x');
    await expect(open()).rejects.toThrow('not a key file: not JSON');
  });
});

test('a development key needs no file, holds the scopes asked for, and is told apart by its prefix', async () => {
  const { key, entry } = developmentKey(['a', 'b']);
  const verifier = await apiKeyVerifier({ entries: [entry] });

  expect(key).toMatch(/^mcp_dev_/);
  await expect(verifier.verify(key)).resolves.toMatchObject({ scopes: ['a', 'b'] });
  await expect(apiKeyVerifier({})).rejects.toThrow(TypeError);
});

test('keys are drawn from the whole alphabet without favour', () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 2000; i++) {
    for (const character of newApiKey('live').key.slice(22, -6)) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
  }
  const expected = (2000 * 43) / 62;

  expect(counts.size).toBe(62);
  // `byte % 62` would give eight characters a quarter more than the others; six standard deviations are a sixth.
  for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(expected / 6);
});
