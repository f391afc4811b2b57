import { createHmac, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { CompactSign, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { type JwtVerifierOptions, jwtVerifier } from '../../../src/server/identity/jwt.js';
import type { Verifier } from '../../../src/server/identity/verifier.js';
import { AUDIENCE, startIssuer, type TestIssuer } from './issuer.js';

const algorithms = ['ES256', 'EdDSA', 'PS256', 'RS256'];
let issuer: TestIssuer;
let other: TestIssuer;
let verifier: Verifier;
let now = 1_800_000_000_000;

const make = (options: Partial<JwtVerifierOptions> = {}) =>
  jwtVerifier({
    issuers: [issuer.url, other.url],
    audience: [AUDIENCE],
    algorithms,
    clockToleranceS: 5,
    now: () => now,
    ...options,
  });
const seconds = (offset: number) => Math.floor(now / 1000) + offset;
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function expectRefused(token: string, reason: string): Promise<void> {
  await expect(verifier.verify(token)).rejects.toMatchObject({
    code: 'credentials_invalid',
    message: 'Credentials not accepted',
    headers: {},
    detail: { reason },
  });
}

beforeAll(async () => {
  issuer = await startIssuer({ now: () => now });
  other = await startIssuer({ now: () => now });
});
beforeEach(async () => {
  await issuer.rotate('one');
  await other.rotate('one');
  verifier = make();
});
afterAll(() => Promise.all([issuer.close(), other.close()]));

test('a good token tells issuer, subject, client and scopes', async () => {
  const exp = seconds(10);
  const token = await issuer.sign({ client_id: 'app', jti: 't1', exp });

  await expect(verifier.verify(token)).resolves.toEqual({
    tokenId: 't1',
    expiresAt: (exp + 5) * 1000,
    issuer: issuer.url,
    subject: 'alice',
    clientId: 'app',
    method: 'jwt',
    scopes: ['a', 'b'],
  });
});

test('a token that its issuer bound to a key of the client is taken without a proof of that key', async () => {
  const token = await issuer.sign({ cnf: { jkt: 'a'.repeat(43) } });

  await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
});

test.each([
  [{ scope: undefined, scp: ['x', 'y'] }, ['x', 'y']],
  [{ scope: undefined, scp: 'x y' }, ['x', 'y']],
  [{ scope: undefined }, []],
  [{ scope: 7 }, []],
  [{ scope: undefined, scp: ['x', 7, null] }, ['x']],
  [{ scope: 'x y', scp: ['y', 'z'] }, ['x', 'y', 'z']],
  [{ scope: undefined, scp: { x: true } }, []],
])('scopes are read from %j', async (claims, scopes) => {
  await expect(verifier.verify(await issuer.sign(claims))).resolves.toMatchObject({ scopes });
});

test('scopes stand in the claims that are named, in all of them together and in no other', async () => {
  verifier = make({ scopes: { claims: ['scp', 'roles'] } });
  const token = await issuer.sign({ scope: 'a', scp: 'b c', roles: ['c', 'd e'] });

  await expect(verifier.verify(token)).resolves.toMatchObject({ scopes: ['b', 'c', 'd e'] });
});

test.each(['constructor', '__proto__', 'toString'])(
  'a claim %s that a token lacks gives none',
  async (name) => {
    verifier = make({ scopes: { claims: [name] } });

    await expect(verifier.verify(await issuer.sign())).resolves.toMatchObject({ scopes: [] });
  },
);

test('a prefix is taken off the scopes that begin with it, once, and the others do not count', async () => {
  verifier = make({ scopes: { claims: ['scope', 'roles'], prefix: 'api://mcp/' } });
  const scope = 'api://mcp/a api://mcp/api://mcp/b a API://mcp/c api://other/d';
  const token = await issuer.sign({ scope, roles: ['api://mcp/e', 'f'] });

  await expect(verifier.verify(token)).resolves.toMatchObject({ scopes: ['a', 'api://mcp/b', 'e'] });
});

test.each([
  [{ client_id: 'one', azp: 'two', cid: 'three', appid: 'four' }, 'one'],
  [{ azp: 'two', cid: 'three' }, 'two'],
  [{ cid: 'three', appid: 'four' }, 'three'],
  [{ appid: 'four' }, 'four'],
  [{ client_id: 7, azp: 'two' }, undefined],
])('the client of %j is %s', async (claims, clientId) => {
  expect((await verifier.verify(await issuer.sign(claims))).clientId).toBe(clientId);
});

describe('a claim that is absent or wrong is refused', () => {
  test.each([
    ['exp', { exp: undefined }],
    ['exp', { exp: 'tomorrow' }],
    ['sub', { sub: undefined }],
    ['sub', { sub: '' }],
    ['sub', { sub: 7 }],
    ['audience', { aud: undefined }],
    ['audience', { aud: 'https://other.example' }],
    ['audience', { aud: `${AUDIENCE}/` }],
    ['audience', { aud: [] }],
    ['issuer', { iss: undefined }],
    ['issuer', { iss: 'https://evil.example' }],
    ['issuer', { iss: ['https://evil.example'] }],
  ])('%s: %j', async (reason, claims) => {
    await expectRefused(await issuer.sign(claims), reason);
  });

  test('times, beyond the tolerance', async () => {
    await expectRefused(await issuer.sign({ exp: seconds(-5) }), 'expired');
    await expectRefused(await issuer.sign({ nbf: seconds(6) }), 'nbf');
    await expect(
      verifier.verify(await issuer.sign({ exp: seconds(-4), nbf: seconds(5) })),
    ).resolves.toBeDefined();
  });

  test('an issuer that differs by a trailing slash is another issuer', async () => {
    await expectRefused(await issuer.sign({ iss: `${issuer.url}/` }), 'issuer');
  });
});

describe('a header that would choose its own rules is refused', () => {
  test.each(['jwk', 'jku', 'x5u', 'x5c'])('embedded %s', async (name) => {
    await expectRefused(await issuer.sign({}, { [name]: 'https://evil.example/keys' }), 'embedded_key');
  });

  test.each(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'JOSE', 7, null])('typ %j', async (typ) => {
    const token = await issuer.sign({}, { typ });

    await expectRefused(token, 'type');
  });

  test.each([undefined, 'JWT', 'at+JWT', 'application/at+jwt'])('while typ %j passes', async (typ) => {
    await expect(verifier.verify(await issuer.sign({}, { typ }))).resolves.toBeDefined();
  });

  test('an unknown critical parameter', async () => {
    const [, payload, signature] = (await issuer.sign()).split('.');
    const header = encode({ alg: 'ES256', kid: 'one', crit: ['cnf'], cnf: {} });

    await expectRefused(`${header}.${payload}.${signature}`, 'extension');
  });

  test('an unencoded payload, declared critical or not', async () => {
    const [, payload, signature] = (await issuer.sign()).split('.');
    for (const more of [{ crit: ['b64'] }, {}]) {
      const header = encode({ alg: 'ES256', kid: 'one', b64: false, ...more });
      await expectRefused(`${header}.${payload}.${signature}`, 'extension');
    }
  });

  test('an embedded key of the attacker verifies nothing, even when it fits the signature', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const token = await new SignJWT({ iss: issuer.url, aud: AUDIENCE, sub: 'alice', exp: seconds(60) })
      .setProtectedHeader({ alg: 'ES256', jwk: await exportJWK(publicKey) })
      .sign(privateKey);

    await expectRefused(token, 'embedded_key');
  });
});

describe('algorithm confusion is refused', () => {
  test('none, in any spelling and with an empty signature', async () => {
    const [, payload] = (await issuer.sign()).split('.');
    for (const alg of ['none', 'None', 'NONE'])
      await expectRefused(`${encode({ alg })}.${payload}.`, 'algorithm');
  });

  test('HS256 with the public key as the secret', async () => {
    const publicKey = await issuer.rotate('rsa', 'RS256');
    const [, payload] = (await issuer.sign()).split('.');
    const input = `${encode({ alg: 'HS256', kid: 'rsa' })}.${payload}`;
    const signature = createHmac('sha256', await exportSPKI(publicKey))
      .update(input)
      .digest('base64url');

    await expectRefused(`${input}.${signature}`, 'algorithm');
  });

  test('RS256 where the key is an EC key, and PS256 where it is for RS256', async () => {
    const [, payload, signature] = (await issuer.sign()).split('.');
    await expectRefused(`${encode({ alg: 'RS256', kid: 'one' })}.${payload}.${signature}`, 'unknown_key');

    await issuer.rotate('rsa', 'RS256');
    const [, body, signed] = (await issuer.sign()).split('.');
    await expectRefused(`${encode({ alg: 'PS256', kid: 'rsa' })}.${body}.${signed}`, 'unknown_key');
  });

  test('an algorithm that is asymmetric but not on the list', async () => {
    await issuer.rotate('one', 'ES384');

    await expectRefused(await issuer.sign(), 'algorithm');
  });

  test('a key set that publishes a shared secret does not make it a verification key', async () => {
    const secret = Buffer.alloc(32, 7);
    issuer.keys = [{ kty: 'oct', kid: 'shared', k: secret.toString('base64url') }];
    const token = await new SignJWT({ iss: issuer.url, aud: AUDIENCE, sub: 'alice', exp: seconds(60) })
      .setProtectedHeader({ alg: 'HS256', kid: 'shared' })
      .sign(secret);

    await expectRefused(token, 'algorithm');
  });
});

test('a token signed with a weak key that its issuer publishes is refused', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 });
  issuer.keys = [{ ...(await exportJWK(publicKey)), kid: 'weak' }];
  const token = new SignJWT({ iss: issuer.url, aud: AUDIENCE, sub: 'alice', exp: seconds(300) })
    .setProtectedHeader({ alg: 'RS256', kid: 'weak', typ: 'at+jwt' })
    .sign(privateKey);

  await expectRefused(await token, 'unknown_key');
});

test('two issuers with the same kid never verify each other', async () => {
  await expect(verifier.verify(await issuer.sign())).resolves.toMatchObject({ issuer: issuer.url });
  await expect(verifier.verify(await other.sign())).resolves.toMatchObject({ issuer: other.url });

  await expectRefused(await other.sign({ iss: issuer.url }), 'signature');
  await expectRefused(await issuer.sign({ iss: other.url }), 'signature');
});

describe('a token without a kid', () => {
  const spare = async (count: number) =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const { publicKey } = await generateKeyPair('ES256', { extractable: true });
        return { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' };
      }),
    );

  test.each([0, 1, 3])('is proven by its key among %i others of the issuer', async (others) => {
    const token = await issuer.sign({}, { kid: undefined });
    issuer.keys = [...(await spare(others)), ...issuer.keys];
    await expect(make().verify(token)).resolves.toMatchObject({ subject: 'alice' });
  });

  test('is proven when the issuer publishes its key twice', async () => {
    const token = await issuer.sign();
    issuer.keys = [...issuer.keys, ...issuer.keys];
    await expect(make().verify(token)).resolves.toMatchObject({ subject: 'alice' });
  });

  test('is refused when none of the keys fits its signature', async () => {
    const token = await issuer.sign({}, { kid: undefined });
    issuer.keys = await spare(2);
    verifier = make();
    await expectRefused(token, 'signature');
  });

  test('is tried with four keys and no more', async () => {
    const token = await issuer.sign({}, { kid: undefined });
    issuer.keys = [...(await spare(4)), ...issuer.keys];
    verifier = make();
    await expectRefused(token, 'signature');
  });
});

test('a token of 12 KiB, with hundreds of groups, is as good as a short one', async () => {
  const groups = Array.from(
    { length: 200 },
    (_, n) => `0f8fad5b-d9cb-469f-a165-${String(n).padStart(12, '0')}`,
  );
  const token = await issuer.sign({ groups });
  expect(token.length).toBeGreaterThan(8192);
  await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
});

describe('a time that is no whole number of seconds is refused', () => {
  test.each([
    ['exp', '1e999'],
    ['exp', '1e300'],
    ['exp', '1900000000.5'],
    ['nbf', '-1e999'],
    ['iat', '1700000000.5'],
  ])('%s: %s', async (claim, value) => {
    // `JSON.stringify` cannot write these numbers: the text is signed as an issuer in another language would write it.
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    issuer.keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }];
    const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'alice', exp: seconds(60), [claim]: '@' };
    const payload = new TextEncoder().encode(JSON.stringify(claims).replace('"@"', value));
    const token = await new CompactSign(payload)
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
      .sign(privateKey);
    await expect(make().verify(token)).rejects.toMatchObject({ code: 'credentials_invalid' });
  });
});

test('a key that cannot be imported refuses its tokens and is no server error', async () => {
  issuer.keys = [{ kty: 'EC', crv: 'P-256', kid: 'one', alg: 'ES256', x: 'AAAA', y: 'AAAA' }];

  await expectRefused(await issuer.sign(), 'unknown_key');
});

test('any changed character makes a token worthless', async () => {
  const token = await issuer.sign();
  await verifier.verify(token);
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ '.split('');
  const changed = fc
    .tuple(fc.nat({ max: token.length - 1 }), fc.constantFrom(...characters))
    .filter(([at, character]) => token[at] !== character)
    .map(([at, character]) => token.slice(0, at) + character + token.slice(at + 1));
  const lastCharacter = characters
    .map((character) => token.slice(0, -1) + character)
    .filter((t) => t !== token);

  await fc.assert(
    fc.asyncProperty(changed, (spoiled) =>
      expect(verifier.verify(spoiled)).rejects.toMatchObject({ code: 'credentials_invalid' }),
    ),
    { examples: lastCharacter.map((spoiled) => [spoiled]), numRuns: 300 },
  );
});

test('any text is refused as invalid, and nothing else is thrown', async () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), (parts) =>
      expect(verifier.verify(parts.join('.'))).rejects.toMatchObject({ code: 'credentials_invalid' }),
    ),
  );
});

describe('verified tokens are remembered', () => {
  test('until they expire, to the second', async () => {
    const token = await issuer.sign({ exp: seconds(10) });
    const first = await verifier.verify(token);
    now += 14_999;
    expect(await verifier.verify(token)).toBe(first);

    now += 1;
    await expectRefused(token, 'expired');
  });

  test('for a minute, after which the signature must fit a key again', async () => {
    const token = await issuer.sign();
    const first = await verifier.verify(token);
    now += 60_000;
    const again = await verifier.verify(token);

    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });

  test('up to the size, the least recently used forgotten first', async () => {
    verifier = make({ cacheSize: 2 });
    const tokens = [
      await issuer.sign({ sub: '1' }),
      await issuer.sign({ sub: '2' }),
      await issuer.sign({ sub: '3' }),
    ];
    const [one = '', two = '', three = ''] = tokens;
    const first = await verifier.verify(one);
    const second = await verifier.verify(two);
    await verifier.verify(one);
    await verifier.verify(three);

    expect(await verifier.verify(one)).toBe(first);
    expect(await verifier.verify(two)).not.toBe(second);
  });
});

test('only what has the form of a JWT is accepted as one', () => {
  expect(verifier.accepts('a.b.c')).toBe(true);
  expect(verifier.accepts('opaque')).toBe(false);
  expect(verifier.accepts('mcp_live_x')).toBe(false);
});

test.each([
  { issuers: [] },
  { audience: [] },
  { algorithms: [] },
  { algorithms: ['ES256', 'HS256'] },
  { algorithms: ['none'] },
  { issuers: ['http://issuer.example'] },
  { issuers: ['https://user:word@issuer.example'] },
  { issuers: ['https://one.example', 'https://two.example'], jwksUrl: new URL('https://one.example/keys') },
  { issuers: ['https://one.example'], jwksUrl: new URL('http://one.example/keys') },
])('unsafe options are refused at construction: %j', (options) => {
  expect(() => make(options)).toThrow(TypeError);
});
