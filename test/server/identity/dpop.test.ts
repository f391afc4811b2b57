/** Tokens that are bound to a key, against a whole server: what a thief of the token, or of a proof, can do with it. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { describeWithRedis } from '../../helpers/redis.js';
import { startRedis } from '../../helpers/redis-server.js';
import { serve, type Served } from '../../helpers/serve.js';
import { CALL, CALL_HEADERS, canary, definitions } from './canary.js';
import { AUDIENCE, startIssuer, type TestIssuer } from './issuer.js';

interface ClientKey {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly jkt: string;
}

let issuer: TestIssuer;
let mine: ClientKey;
let other: ClientKey;
const open: Served[] = [];

async function start(env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const served = await serve(definitions, ['a'], {
    RATE_LIMIT_IP: '10000/60s',
    AUTH: 'jwt,api-key',
    JWT_ISSUERS: issuer.url,
    JWT_AUDIENCE: AUDIENCE,
    RATE_LIMIT_AUTH_FAILURES: '1000/60s',
    DPOP: 'accept',
    ...env,
  });
  open.push(served);
  return served;
}

async function clientKey(algorithm = 'ES256'): Promise<ClientKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { privateKey, jwk, jkt: await calculateJwkThumbprint(jwk) };
}

const nowS = () => Math.floor(Date.now() / 1000);
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');
const boundToken = ({ jkt } = mine) => issuer.sign({ cnf: { jkt } });

interface ProofOptions {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: ClientKey;
}

/** A good proof, but for what is said otherwise; `undefined` leaves a claim out. */
function prove(url: URL, token: string, { claims = {}, header = {}, key = mine }: ProofOptions = {}) {
  const own = { jti: randomUUID(), htm: 'POST', htu: url.href, iat: nowS(), ath: sha256(token) };
  return new SignJWT({ ...own, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk, ...header })
    .sign(key.privateKey);
}

function call(url: URL, headers: Readonly<Record<string, string>> | [string, string][]): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: [
      ...Object.entries(CALL_HEADERS),
      ...(Array.isArray(headers) ? headers : Object.entries(headers)),
    ],
    body: JSON.stringify(CALL),
  });
}

const bound = (token: string, proof: string) => ({ Authorization: `DPoP ${token}`, DPoP: proof });

beforeAll(async () => {
  [issuer, mine, other] = await Promise.all([startIssuer(), clientKey(), clientKey()]);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((served) => served.close()));
  canary.runs = 0;
});
afterAll(() => issuer.close());

test('a bound token works with a proof of its key, as often as a new proof is made', async () => {
  const { url, audited } = await start();
  const token = await boundToken();
  for (let i = 0; i < 3; i += 1) {
    expect((await call(url, bound(token, await prove(url, token)))).status).toBe(200);
  }

  expect(canary.runs).toBe(3);
  expect(await audited()).toContainEqual(
    expect.objectContaining({ decision: 'allow', caller: expect.objectContaining({ boundTo: mine.jkt }) }),
  );
});

test.each(['EdDSA', 'PS256', 'RS256'])('a proof may be signed with %s', async (alg) => {
  const { url } = await start();
  const key = await clientKey(alg);
  const token = await boundToken(key);

  expect((await call(url, bound(token, await prove(url, token, { key, header: { alg } })))).status).toBe(200);
});

test('a proof names the URL that clients use, without its query and as a URL parser writes it', async () => {
  const { url } = await start();
  const token = await boundToken();
  const { port } = url;
  for (const htu of [`${url.href}?a=b`, `${url.href}#c`, `HTTP://127.0.0.1:${port}/a/../mcp`]) {
    expect((await call(url, bound(token, await prove(url, token, { claims: { htu } })))).status).toBe(200);
  }
});

test('an API key and a token that is not bound need no proof, unless every token must be bound', async () => {
  const [accepting, requiring] = [await start(), await start({ DPOP: 'require' })];
  const token = await issuer.sign();
  const asBearer = { Authorization: `Bearer ${token}` };

  expect((await call(accepting.url, { 'X-Api-Key': accepting.key })).status).toBe(200);
  expect((await call(accepting.url, asBearer)).status).toBe(200);
  expect((await call(requiring.url, { 'X-Api-Key': requiring.key })).status).toBe(200);
  expect((await call(requiring.url, asBearer)).status).toBe(401);
  const boundOne = await boundToken();
  expect((await call(requiring.url, bound(boundOne, await prove(requiring.url, boundOne)))).status).toBe(200);
});

test('where DPoP is off, a bound token is refused by either scheme, and any other is taken', async () => {
  const { url, audited } = await start({ DPOP: 'off' });
  const token = await boundToken();
  const toSomethingElse = await issuer.sign({ cnf: { kid: 'a' } });

  expect((await call(url, bound(token, await prove(url, token)))).status).toBe(401);
  for (const stolen of [token, toSomethingElse])
    expect((await call(url, { Authorization: `Bearer ${stolen}` })).status).toBe(401);
  expect(canary.runs).toBe(0);
  const refused = (await audited()).filter(({ decision }) => decision === 'deny');
  expect(refused.map(({ detail }) => detail)).toEqual([
    { reason: 'scheme' },
    { reason: 'dpop_off' },
    { reason: 'dpop_off' },
  ]);
  expect((await call(url, { Authorization: `Bearer ${await issuer.sign()}` })).status).toBe(200);
});

describe('refused, with 401 and one record, before the tool runs:', () => {
  type Attempt = (url: URL, token: string) => Promise<Readonly<Record<string, string>> | [string, string][]>;
  const withProof =
    (options: ProofOptions): Attempt =>
    async (url, token) =>
      bound(token, await prove(url, token, options));
  const withClaim = (claims: Readonly<Record<string, unknown>>) => withProof({ claims });
  const withHeader = (header: Readonly<Record<string, unknown>>) => withProof({ header });
  const withText =
    (change: (proof: string) => string): Attempt =>
    async (url, token) =>
      bound(token, change(await prove(url, token)));
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const changed = (part: number, value: object) =>
    withText((proof) => proof.split('.').with(part, encode(value)).join('.'));

  const ATTEMPTS: readonly [string, Attempt, string][] = [
    ['the token alone, as Bearer', async (_, token) => [['Authorization', `Bearer ${token}`]], 'dpop_scheme'],
    [
      'a good proof beside Bearer',
      async (url, token) => ({ ...bound(token, await prove(url, token)), Authorization: `Bearer ${token}` }),
      'dpop_scheme',
    ],
    ['no proof', async (_, token) => [['Authorization', `DPoP ${token}`]], 'dpop_not_one_proof'],
    [
      'two proofs',
      async (url, token) => [
        ...Object.entries(bound(token, await prove(url, token))),
        ['DPoP', await prove(url, token)],
      ],
      'dpop_malformed',
    ],
    ['an empty proof', withText(() => ''), 'dpop_malformed'],
    ['a proof that is no JWT', withText(() => 'proof'), 'dpop_malformed'],
    ['a proof of four parts', withText((proof) => `${proof}.AAAA`), 'dpop_malformed'],
    ['a proof in two halves', withText((proof) => proof.replace('.', '. ')), 'dpop_signature'],
    ['the token itself as proof', async (_, token) => bound(token, token), 'dpop_malformed'],
    ['a proof without signature', withText((p) => p.slice(0, p.lastIndexOf('.') + 1)), 'dpop_signature'],
    ['claims changed after signing', changed(1, { htm: 'POST' }), 'dpop_signature'],
    ['alg none', changed(0, { alg: 'none', typ: 'dpop+jwt' }), 'dpop_algorithm'],
    [
      'a shared secret as key',
      changed(0, { alg: 'HS256', typ: 'dpop+jwt', jwk: { kty: 'oct', k: 'AAAA' } }),
      'dpop_algorithm',
    ],
    ['the typ of a token', withHeader({ typ: 'at+jwt' }), 'dpop_typ'],
    ['the typ JWT', withHeader({ typ: 'JWT' }), 'dpop_typ'],
    ['no typ', withHeader({ typ: undefined }), 'dpop_typ'],
    ['no key', withHeader({ jwk: undefined }), 'dpop_malformed'],
    ['a key that is a text', withHeader({ jwk: 'key' }), 'dpop_malformed'],
    [
      'a key named by URL',
      withHeader({ jwk: undefined, jku: 'https://evil.example/keys' }),
      'dpop_malformed',
    ],
    ['a key named by kid', withHeader({ jwk: undefined, kid: 'one' }), 'dpop_malformed'],
    [
      'an unknown critical extension',
      changed(0, { alg: 'ES256', typ: 'dpop+jwt', crit: ['x'], x: 1 }),
      'dpop_malformed',
    ],
    [
      'a payload that is not encoded',
      changed(0, { alg: 'ES256', typ: 'dpop+jwt', b64: false, crit: ['b64'] }),
      'dpop_malformed',
    ],
    [
      'the key of another client',
      async (url, token) => bound(token, await prove(url, token, { key: other })),
      'dpop_key',
    ],
    [
      'the header of the right key, signed by another',
      async (url, token) => bound(token, await prove(url, token, { key: { ...other, jwk: mine.jwk } })),
      'dpop_signature',
    ],
    ...['jti', 'htm', 'htu', 'iat', 'ath'].map(
      (claim) =>
        [`no ${claim}`, withClaim({ [claim]: undefined }), 'dpop_malformed'] as [string, Attempt, string],
    ),
    ['an empty jti', withClaim({ jti: '' }), 'dpop_malformed'],
    ['a jti that is a number', withClaim({ jti: 7 }), 'dpop_malformed'],
    ['a time with a fraction', withClaim({ iat: nowS() + 0.5 }), 'dpop_malformed'],
    ['a nonce that is a number', withClaim({ nonce: 7 }), 'dpop_malformed'],
    ['a proof that has expired by its own word', withClaim({ exp: nowS() - 10 }), 'dpop_expired'],
    ['a proof that is not valid yet by its own word', withClaim({ nbf: nowS() + 100 }), 'dpop_nbf'],
    ['the hash of another token', withClaim({ ath: sha256('another') }), 'dpop_token'],
    ['another method', withClaim({ htm: 'GET' }), 'dpop_method'],
    ['the method in lower case', withClaim({ htm: 'post' }), 'dpop_method'],
    ['another host', withClaim({ htu: 'https://evil.example/mcp' }), 'dpop_url'],
    [
      'a path in upper case',
      async (url, token) =>
        bound(token, await prove(url, token, { claims: { htu: new URL('/MCP', url).href } })),
      'dpop_url',
    ],
    [
      'a path that is longer',
      async (url, token) => bound(token, await prove(url, token, { claims: { htu: `${url.href}/` } })),
      'dpop_url',
    ],
    [
      'a user in the URL',
      async (url, token) =>
        bound(token, await prove(url, token, { claims: { htu: url.href.replace('//', '//me@') } })),
      'dpop_url',
    ],
    [
      'another scheme',
      async (url, token) =>
        bound(token, await prove(url, token, { claims: { htu: url.href.replace('http', 'https') } })),
      'dpop_url',
    ],
    ['a URL that is none', withClaim({ htu: '/mcp' }), 'dpop_url'],
    [
      'a token that is not bound, with a proof',
      async (url) => {
        const token = await issuer.sign();
        return bound(token, await prove(url, token));
      },
      'dpop_token_not_bound',
    ],
    [
      'a token that is bound to a certificate',
      async (url) => {
        const token = await issuer.sign({ cnf: { 'x5t#S256': 'a'.repeat(43) } });
        return bound(token, await prove(url, token));
      },
      'certificate_unseen',
    ],
    [
      'a token whose confirmation is empty, as Bearer',
      async () => ({ Authorization: `Bearer ${await issuer.sign({ cnf: null })}` }),
      'dpop_scheme',
    ],
  ];

  test.each(ATTEMPTS)('%s', async (_, attempt, reason) => {
    const served = await start();
    const response = await call(served.url, await attempt(served.url, await boundToken()));
    const text = await response.text();

    expect(response.status).toBe(401);
    expect(JSON.parse(text)).toMatchObject({ error: { data: { code: 'credentials_invalid' } } });
    expect(response.headers.get('www-authenticate')).toMatch(
      /^Bearer .*, DPoP algs="ES256 EdDSA PS256 RS256"/,
    );
    expect(canary.runs).toBe(0);
    expect(await served.audited()).toEqual([
      expect.objectContaining({ decision: 'deny', reason: 'credentials_invalid', detail: { reason } }),
    ]);
  });
});

test('a proof works once', async () => {
  const { url, audited } = await start();
  const token = await boundToken();
  const proof = await prove(url, token);

  expect((await call(url, bound(token, proof))).status).toBe(200);
  expect((await call(url, bound(token, proof))).status).toBe(401);
  expect(canary.runs).toBe(1);
  expect(await audited()).toContainEqual(expect.objectContaining({ detail: { reason: 'dpop_reused' } }));
});

test('of many uses of one proof at the same time, one is let in', async () => {
  const { url } = await start();
  const token = await boundToken();
  const proof = await prove(url, token);
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async () => (await call(url, bound(token, proof))).status),
  );

  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  expect(statuses.filter((status) => status === 401)).toHaveLength(19);
  expect(canary.runs).toBe(1);
});

describe('a client whose clock is wrong', () => {
  test.each([-3600, -90, 90, 3600])(
    'by %i s is asked for a nonce, and is let in with it',
    async (wrongByS) => {
      const { url } = await start({ RATE_LIMIT_AUTH_FAILURES: '1/60s' });
      const token = await boundToken();
      const iat = nowS() + wrongByS;
      for (let i = 0; i < 3; i += 1) {
        const asked = await call(url, bound(token, await prove(url, token, { claims: { iat } })));
        const nonce = asked.headers.get('dpop-nonce');

        expect(asked.status).toBe(401);
        expect(asked.headers.get('www-authenticate')).toContain(
          'DPoP algs="ES256 EdDSA PS256 RS256", error="use_dpop_nonce"',
        );
        expect(canary.runs).toBe(i);
        const claims = { iat, nonce };
        expect((await call(url, bound(token, await prove(url, token, { claims })))).status).toBe(200);
      }
    },
  );

  test.each([
    ['made up', () => randomBytes(16).toString('base64url')],
    ['with another time', (nonce: string) => `${nowS() + 1}.${nonce.split('.')[1]}`],
    ['cut short', (nonce: string) => nonce.slice(0, -1)],
  ])('is not let in with a nonce that is %s', async (_, spoil) => {
    const { url } = await start();
    const token = await boundToken();
    const asked = await call(url, bound(token, await prove(url, token, { claims: { iat: 1 } })));
    const nonce = spoil(String(asked.headers.get('dpop-nonce')));
    const refused = await call(url, bound(token, await prove(url, token, { claims: { nonce } })));

    expect(refused.status).toBe(401);
    expect(refused.headers.get('dpop-nonce')).not.toBe(nonce);
    expect(canary.runs).toBe(0);
  });
});

test('the metadata says which proofs are verified, and whether every token must be bound', async () => {
  const documents = await Promise.all(
    (['accept', 'require', 'off'] as const).map(async (DPOP) => {
      const { url } = await start({ DPOP });
      return (await fetch(new URL('/.well-known/oauth-protected-resource', url))).json();
    }),
  );

  const algorithms = { dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256', 'RS256'] };
  expect(documents[0]).toMatchObject({ ...algorithms, dpop_bound_access_tokens_required: false });
  expect(documents[1]).toMatchObject({ ...algorithms, dpop_bound_access_tokens_required: true });
  expect(JSON.stringify(documents[2])).not.toContain('dpop');
});

test('where every token must be bound, a challenge names DPoP alone', async () => {
  const { url } = await start({ DPOP: 'require' });

  expect((await call(url, {})).headers.get('www-authenticate')).toMatch(/^DPoP algs=.*resource_metadata=/);
});

test('a page of an allowed origin may send a proof and read a nonce', async () => {
  const origin = 'https://app.example';
  const { url } = await start({ ALLOWED_ORIGINS: origin });
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'dpop',
    },
  });
  const answer = await call(url, { Origin: origin });

  expect(preflight.headers.get('access-control-allow-headers')).toContain('DPoP');
  expect(answer.headers.get('access-control-expose-headers')).toContain('DPoP-Nonce');
});

describeWithRedis('on several replicas', () => {
  test('a proof works once on all of them, any of them takes a nonce of another, and none is a free pass without Redis', async () => {
    const redis = await startRedis();
    try {
      const shared = {
        REDIS_URL: redis.url,
        REPLICAS: '2',
        STATE_KEYS: randomBytes(32).toString('base64url'),
        AUDIT_HMAC_KEY: randomBytes(32).toString('base64url'),
        PUBLIC_URL: 'http://127.0.0.1:1/mcp',
        STORE_FAILURE: 'local',
      };
      const [one, two] = [await start(shared), await start(shared)];
      const publicUrl = new URL(shared.PUBLIC_URL);
      const send = ({ url }: Served, headers: Readonly<Record<string, string>>) => call(url, headers);
      const token = await boundToken();
      const proof = await prove(publicUrl, token);

      expect((await send(one, bound(token, proof))).status).toBe(200);
      expect((await send(two, bound(token, proof))).status).toBe(401);
      const asked = await send(one, bound(token, await prove(publicUrl, token, { claims: { iat: 1 } })));
      const nonce = asked.headers.get('dpop-nonce');
      const answered = await send(two, bound(token, await prove(publicUrl, token, { claims: { nonce } })));
      expect(answered.status).toBe(200);

      await redis.stop();
      const refused = await send(one, bound(token, await prove(publicUrl, token)));
      expect(refused.status).toBe(503);
      expect(canary.runs).toBe(2);
    } finally {
      await redis.stop();
    }
  });
});
