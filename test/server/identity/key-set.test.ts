import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { jwtVerifier } from '../../../src/server/identity/jwt.js';
import type { Verifier } from '../../../src/server/identity/verifier.js';
import { AUDIENCE, startIssuer, type TestIssuer } from './issuer.js';

const MINUTE = 60_000;
let issuer: TestIssuer;
let verifier: Verifier;
let now = 1_800_000_000_000;
const logger = { warn: jest.fn<(facts: object, message: string) => void>() };

const make = (options: { jwksUrl?: URL; issuer?: string } = {}) =>
  jwtVerifier({
    issuers: [options.issuer ?? issuer.url],
    ...(options.jwksUrl && { jwksUrl: options.jwksUrl }),
    audience: [AUDIENCE],
    algorithms: ['ES256'],
    clockToleranceS: 0,
    cacheSize: 0,
    now: () => now,
    logger,
  });
const verifyNew = async () => verifier.verify(await issuer.sign());
const expectAway = (verifying: Promise<unknown>) =>
  expect(verifying).rejects.toMatchObject({
    code: 'issuer_unavailable',
    status: 503,
    headers: { 'Retry-After': expect.stringMatching(/^[1-9]\d*$/) },
  });

beforeEach(async () => {
  issuer = await startIssuer({ now: () => now });
  verifier = make();
  logger.warn.mockClear();
});
afterEach(async () => {
  verifier.close();
  await issuer.close();
});

describe('an issuer with a path is found', () => {
  test.each([
    ['RFC 8414', '/.well-known/oauth-authorization-server/tenant'],
    ['OpenID, inserted', '/.well-known/openid-configuration/tenant'],
    ['OpenID, appended', '/tenant/.well-known/openid-configuration'],
  ])('by %s', async (_, only) => {
    const tenant = await startIssuer({ path: '/tenant', now: () => now });
    tenant.spoil = (req, res) => {
      if (!req.url?.includes('.well-known')) return false;
      const found = { issuer: tenant.url, jwks_uri: `${tenant.url}/keys` };
      res.writeHead(req.url === only ? 200 : 404).end(JSON.stringify(found));
      return true;
    };
    try {
      await expect(make({ issuer: tenant.url }).verify(await tenant.sign())).resolves.toBeDefined();
    } finally {
      await tenant.close();
    }
  });
});

test('a given key set needs no discovery', async () => {
  verifier = make({ jwksUrl: new URL(`${issuer.url}/keys`) });
  await verifyNew();

  expect(issuer.requests).toEqual(['/keys']);
});

describe('metadata that must not be believed ends in 503', () => {
  test.each([
    ['another issuer', (url: string) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` })],
    ['no key set', (url: string) => ({ issuer: url })],
    [
      'a key set over http beyond loopback',
      (url: string) => ({ issuer: url, jwks_uri: 'http://keys.example/' }),
    ],
    ['a key set with a password', (url: string) => ({ issuer: url, jwks_uri: url.replace('//', '//u:p@') })],
    ['a key set in a file', (url: string) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' })],
    ['a list', () => []],
    ['null', () => null],
  ])('%s', async (_, metadata) => {
    issuer.spoil = (req, res) => {
      if (!req.url?.includes('.well-known')) return false;
      res.end(JSON.stringify(metadata(issuer.url)));
      return true;
    };

    await expectAway(verifyNew());
    expect(issuer.requests).not.toContain('/keys');
  });
});

describe('a key set that is no key set ends in 503', () => {
  const redirect = (res: ServerResponse) => res.writeHead(302, { Location: '/elsewhere' }).end();
  test.each([
    ['a redirect, which is not followed', redirect],
    ['an error', (res: ServerResponse) => res.writeHead(500).end('{"keys":[]}')],
    ['no JSON', (res: ServerResponse) => res.end('<html>')],
    ['no keys', (res: ServerResponse) => res.end('{}')],
    [
      'a cut answer',
      (res: ServerResponse) => res.writeHead(200, { 'Content-Length': 99 }).write('{', () => res.destroy()),
    ],
  ])('%s', async (_, spoil) => {
    issuer.spoil = (req, res) => req.url === '/keys' && Boolean(spoil(res) ?? true);

    await expectAway(verifyNew());
    expect(issuer.requests).not.toContain('/elsewhere');
    expect(logger.warn).toHaveBeenCalledTimes(1);
  });

  test('an endless one, which is read no further than its limit', async () => {
    let sent = 0;
    issuer.spoil = (req, res) => {
      if (req.url !== '/keys') return false;
      const more = () => {
        while (!res.destroyed && res.write(' '.repeat(65_536))) sent += 65_536;
      };
      res.on('drain', more);
      more();
      return true;
    };

    await expectAway(verifyNew());
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  test('one that never ends, after five seconds', async () => {
    issuer.spoil = (req, res) => req.url === '/keys' && res.write('{"keys":');
    const started = performance.now();

    await expectAway(verifyNew());
    expect(performance.now() - started).toBeLessThan(8_000);
  }, 15_000);
});

test('requests that arrive together cause one fetch', async () => {
  await Promise.all([verifyNew(), verifyNew(), verifyNew()]);

  expect(issuer.requests).toEqual(['/.well-known/oauth-authorization-server', '/keys']);
});

describe('while the issuer is away', () => {
  test('it is left alone between attempts, and served again once it is back', async () => {
    issuer.spoil = (_req, res) => Boolean(res.writeHead(503).end());
    await expectAway(verifyNew());
    const asked = issuer.requests.length;
    now += 29_999;
    await expectAway(verifyNew());
    expect(issuer.requests).toHaveLength(asked);

    issuer.spoil = () => false;
    now += 1;
    await expect(verifyNew()).resolves.toBeDefined();
  });

  test('its keys serve for an hour beyond their age, then the answer is 503 and not 401', async () => {
    await verifyNew();
    await issuer.close();
    now += 70 * MINUTE - 1;
    await expect(verifyNew()).resolves.toBeDefined();

    now += 1;
    await expectAway(verifyNew());
    await issuer.open();
    now += MINUTE;
    await expect(verifyNew()).resolves.toBeDefined();
  });

  test('an unknown kid is 503, since it may be a new key', async () => {
    await verifyNew();
    await issuer.close();
    now += MINUTE;
    await issuer.rotate('two');

    await expectAway(verifyNew());
    await issuer.open();
  });

  test('a wrong signature is still 401', async () => {
    await verifyNew();
    await issuer.close();
    const [header, payload] = (await issuer.sign()).split('.');
    const wrong = `${header}.${payload}.${'A'.repeat(86)}`;

    await expect(verifier.verify(wrong)).rejects.toMatchObject({
      status: 401,
      detail: { reason: 'signature' },
    });
    await issuer.open();
  });
});

describe('when keys change', () => {
  test('a new key is fetched at its first use', async () => {
    await verifyNew();
    now += MINUTE;
    await issuer.rotate('two');

    await expect(verifyNew()).resolves.toBeDefined();
  });

  test('unknown kids do not make us knock more than once per pause', async () => {
    await verifyNew();
    now += MINUTE;
    const asked = issuer.requests.length;
    for (let kid = 0; kid < 20; kid++) {
      const token = await issuer.sign({}, { kid: `guess-${kid}` });
      await expect(verifier.verify(token)).rejects.toMatchObject({
        status: 401,
        detail: { reason: 'unknown_key' },
      });
    }

    expect(issuer.requests).toHaveLength(asked + 2);
  });

  test('a withdrawn key is refused after ten minutes, whatever its age says when the clock is set back', async () => {
    const withdrawn = await issuer.sign({ exp: now / 1000 + 3600 });
    await verifier.verify(withdrawn);
    await issuer.rotate('two');
    await expect(verifier.verify(withdrawn)).resolves.toBeDefined();

    now -= 10 * MINUTE;
    await expect(verifier.verify(withdrawn)).rejects.toMatchObject({ detail: { reason: 'unknown_key' } });
  });

  test('an issuer that withdraws all keys has withdrawn them', async () => {
    await verifyNew();
    issuer.keys = [];
    now += 10 * MINUTE;

    await expect(verifyNew()).rejects.toMatchObject({ status: 401, detail: { reason: 'unknown_key' } });
  });
});
