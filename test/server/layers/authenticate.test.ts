import { describe, expect, test } from '@jest/globals';
import type { Caller } from '../../../src/server/identity/caller.js';
import type { Verifier } from '../../../src/server/identity/verifier.js';
import { type AuthenticateOptions, authenticate } from '../../../src/server/layers/authenticate.js';
import { headerLines } from '../../../src/server/raw-headers.js';
import { RefusedRequest } from '../../../src/server/refusal.js';
import { StoreUnavailable } from '../../../src/server/stores/types.js';
import { codeOf, memoryLimiter, serve } from './serve.js';

const ANN: Caller = {
  issuer: 'api-key',
  subject: 'k1',
  keyId: 'k1',
  method: 'api-key',
  scopes: ['documents:read'],
};

/** Accepts credentials that begin with `key-`; `key-good` is right. */
const keys: Verifier = {
  kind: 'api-key',
  accepts: (credential) => credential.startsWith('key-'),
  verify(credential) {
    if (credential === 'key-good') return Promise.resolve(ANN);
    if (credential === 'key-outage') return Promise.reject(new RefusedRequest('issuer_unavailable'));
    return Promise.reject(new RefusedRequest('credentials_invalid', { detail: { reason: 'unknown_key' } }));
  },
  close() {},
};

function layer(options: Partial<AuthenticateOptions> = {}) {
  return authenticate({
    verifiers: [keys],
    readCredential({ rawHeaders }) {
      const [authorization] = headerLines(rawHeaders, 'authorization');
      if (authorization === undefined) throw new RefusedRequest('credentials_missing');
      if (headerLines(rawHeaders, 'x-api-key').length > 0) throw new RefusedRequest('credentials_ambiguous');
      return authorization;
    },
    standings: { watcher: () => () => () => {} },
    challenge: (error) => ({ 'WWW-Authenticate': `Bearer realm="mcp"${error ? `, error="${error}"` : ''}` }),
    failures: memoryLimiter(100),
    ...options,
  });
}

const withKey = (key: string) => ({ headers: { Authorization: key } });

test('a good credential makes the caller known, to the layers and to the audit', async () => {
  const { url, passed, audit } = await serve([layer()]);

  const response = await fetch(url, withKey('key-good'));

  expect(response.status).toBe(200);
  expect(passed[0]?.caller).toEqual(ANN);
  const record = await audit.record();
  expect(record.caller).toEqual(ANN);
  expect(JSON.stringify(record)).not.toContain('key-good');
});

describe('a refusal', () => {
  test.each([
    ['without a credential', undefined, 'credentials_missing', 'Bearer realm="mcp"'],
    ['for a wrong one', 'key-wrong', 'credentials_invalid', 'Bearer realm="mcp", error="invalid_token"'],
    [
      'for a kind that is not accepted',
      'eyJhbGciOi',
      'credentials_invalid',
      'Bearer realm="mcp", error="invalid_token"',
    ],
  ])('%s is 401 with a challenge', async (_case, key, code, challenge) => {
    const { url, passed } = await serve([layer()]);

    const response = await fetch(url, key === undefined ? {} : withKey(key));

    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(challenge);
    expect(await codeOf(response)).toBe(code);
    expect(passed).toHaveLength(0);
  });

  test('says why in the audit only', async () => {
    const { url, audit } = await serve([layer()]);

    const text = await (await fetch(url, withKey('key-wrong'))).text();

    expect(text).not.toContain('unknown_key');
    expect(await audit.record()).toMatchObject({
      decision: 'deny',
      reason: 'credentials_invalid',
      'rpc.code': 401,
      detail: { reason: 'unknown_key' },
    });
  });

  test('for two credentials is 400, without a challenge', async () => {
    const { url } = await serve([layer()]);

    const response = await fetch(url, { headers: { Authorization: 'key-good', 'X-Api-Key': 'key-good' } });

    expect(response.status).toBe(400);
    expect(response.headers.has('www-authenticate')).toBe(false);
  });

  test('while an issuer is away is 503, so that no client drops its token', async () => {
    const { url } = await serve([layer({ failures: memoryLimiter(0) })]);

    const response = await fetch(url, withKey('key-outage'));

    expect(response.status).toBe(503);
    expect(response.headers.has('retry-after')).toBe(true);
    expect(response.headers.has('www-authenticate')).toBe(false);
  });
});

describe('failed attempts', () => {
  test('are limited per address, but never a caller whose key is good', async () => {
    const { url } = await serve([layer({ failures: memoryLimiter(2) })]);
    const statusOf = async (key: string) => (await fetch(url, withKey(key))).status;

    expect(await statusOf('key-a')).toBe(401);
    expect(await statusOf('key-b')).toBe(401);
    const limited = await fetch(url, withKey('key-c'));

    expect(limited.status).toBe(429);
    expect(limited.headers.has('retry-after')).toBe(true);
    expect(await codeOf(limited)).toBe('rate_limited');
    expect(await statusOf('key-good')).toBe(200);
  });

  test('do not include asking without a credential: OAuth clients begin so', async () => {
    const { url } = await serve([layer({ failures: memoryLimiter(1) })]);

    for (let i = 0; i < 3; i += 1) expect((await fetch(url)).status).toBe(401);

    expect((await fetch(url, withKey('key-wrong'))).status).toBe(401);
  });

  test('are refused with 503 when they cannot be counted', async () => {
    const failures = { consume: () => Promise.reject(new StoreUnavailable('down')) };
    const { url } = await serve([layer({ failures })]);

    expect((await fetch(url, withKey('key-wrong'))).status).toBe(503);
    expect((await fetch(url, withKey('key-good'))).status).toBe(200);
  });
});

test('where authentication is off everyone is the anonymous caller', async () => {
  const anonymous: Caller = { issuer: 'none', subject: 'anonymous', method: 'none', scopes: [] };
  const { url, passed } = await serve([layer({ verifiers: [], anonymous })]);

  expect((await fetch(url)).status).toBe(200);
  expect(passed[0]?.caller).toBe(anonymous);
});
