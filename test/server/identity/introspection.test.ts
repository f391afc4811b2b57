import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { JWTPayload } from 'jose';
import {
  type IntrospectionOptions,
  introspectionVerifier,
} from '../../../src/server/identity/introspection.js';
import type { Ask } from '../../../src/server/identity/introspection-endpoint.js';
import type { Verifier } from '../../../src/server/identity/verifier.js';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'https://mcp.example/mcp';

let now: number;
let said: JWTPayload;
let ask: jest.MockedFunction<Ask>;
let warnings: object[];
let verifier: Verifier;

const make = (options: Partial<IntrospectionOptions> = {}) =>
  introspectionVerifier({
    ask,
    issuer: ISSUER,
    audience: [AUDIENCE, 'another'],
    clockToleranceS: 5,
    now: () => now,
    logger: { warn: (facts) => void warnings.push(facts) },
    ...options,
  });
const seconds = (offset: number) => Math.floor(now / 1000) + offset;

beforeEach(() => {
  now = 1_800_000_000_000;
  said = {
    active: true,
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ada',
    exp: seconds(300),
    scope: 'a b',
    client_id: 'editor',
  };
  ask = jest.fn(async () => said);
  warnings = [];
  verifier = make();
});
afterEach(() => verifier.close());

const invalid = (reason: string) => ({ code: 'credentials_invalid', status: 401, detail: { reason } });

test('an answer tells issuer, subject, client and scopes', async () => {
  await expect(verifier.verify('opaque')).resolves.toMatchObject({
    issuer: ISSUER,
    subject: 'ada',
    clientId: 'editor',
    method: 'introspection',
    scopes: ['a', 'b'],
  });
  expect(ask.mock.calls.map(([token]) => token)).toEqual(['opaque']);
});

test('scopes are read as from a JWT', async () => {
  verifier = make({ scopes: { claims: ['scope', 'roles'], prefix: 'mcp/' } });
  said = { ...said, scope: 'openid mcp/a', roles: ['mcp/b'] };

  await expect(verifier.verify('opaque')).resolves.toMatchObject({ scopes: ['a', 'b'] });
});

test.each([
  ['', true],
  ['opaque', true],
  ['ya29.one-dot', true],
  ['a.b.c.d', true],
  ['a.b.c', false],
  ['eyJhbGciOiJFUzI1NiJ9.e30.c2ln', false],
  ['a.b.c.d.e', false],
  ['mcp_dev_0123456789AB_secret', false],
  ['mcp_', false],
])('of %j it is %s that its issuer may be asked', (credential, expected) => {
  expect(verifier.accepts(credential)).toBe(expected);
});

describe('an answer that would not do in a JWT is refused, and not remembered', () => {
  const at = (offset: number) => 1_800_000_000 + offset;
  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['inactive', { active: false }],
    ['inactive', { active: 'true' }],
    ['inactive', { active: 1 }],
    ['inactive', { active: undefined }],
    ['type', { token_type: 'refresh_token' }],
    ['type', { token_type: 'N_A' }],
    ['type', { token_type: '' }],
    ['type', { token_type: ['Bearer'] }],
    ['issuer', { iss: undefined }],
    ['issuer', { iss: '' }],
    ['issuer', { iss: `${ISSUER}/` }],
    ['issuer', { iss: [ISSUER] }],
    ['audience', { aud: undefined }],
    ['audience', { aud: null }],
    ['audience', { aud: '' }],
    ['audience', { aud: [] }],
    ['audience', { aud: `${AUDIENCE}/` }],
    ['audience', { aud: `${AUDIENCE} another` }],
    ['audience', { aud: ['https://other.example'] }],
    ['audience', { aud: [[AUDIENCE]] }],
    ['audience', { aud: { 0: AUDIENCE } }],
    ['exp', { exp: undefined }],
    ['time', { exp: null }],
    ['time', { exp: 'tomorrow' }],
    ['time', { exp: String(at(300)) }],
    ['time', { exp: Number.POSITIVE_INFINITY }],
    ['time', { exp: at(300) + 0.5 }],
    ['time', { exp: { valueOf: 9e9 } }],
    ['time', { nbf: '0' }],
    ['time', { nbf: null }],
    ['time', { iat: 'yesterday' }],
    ['expired', { exp: at(-5) }],
    ['expired', { exp: 0 }],
    ['expired', { exp: -1 }],
    ['nbf', { nbf: at(6) }],
    ['sub', { sub: undefined }],
    ['sub', { sub: '' }],
    ['sub', { sub: 7 }],
    ['sub', { sub: ['ada'] }],
  ])('%s: %j', async (reason, changed) => {
    said = { ...said, ...changed };

    await expect(verifier.verify('opaque')).rejects.toMatchObject(invalid(reason));
    await expect(verifier.verify('opaque')).rejects.toMatchObject(invalid(reason));
    expect(ask).toHaveBeenCalledTimes(2);
  });
});

test.each([
  { token_type: 'bearer' },
  { token_type: 'DPoP' },
  { aud: ['x', 'another'] },
  { exp: 1_800_000_000 - 4 },
  { nbf: 1_800_000_000 + 5 },
])('while %j passes', async (changed) => {
  said = { ...said, ...changed };

  await expect(verifier.verify('opaque')).resolves.toMatchObject({ subject: 'ada' });
});

test.each([
  [{ jkt: 'a'.repeat(43) }, 'a'.repeat(43)],
  [{}, ''],
  [{ other: 'x' }, ''],
  ['x', ''],
])('a token bound by %j is bound', async (cnf, boundTo) => {
  said = { ...said, cnf };

  await expect(verifier.verify('opaque')).resolves.toMatchObject({ boundTo });
});

describe('a yes is remembered', () => {
  const askedAfter = async (ms: number) => {
    await verifier.verify('opaque');
    now += ms;
    await verifier.verify('opaque').catch(() => {});
    return ask.mock.calls.length;
  };

  test('for 30 s', async () => {
    expect(await askedAfter(29_999)).toBe(1);
  });
  test('and no longer', async () => {
    expect(await askedAfter(30_000)).toBe(2);
  });
  test('never past `exp`, whatever the tolerance', async () => {
    said = { ...said, exp: seconds(10) };
    expect(await askedAfter(9_999)).toBe(1);
    now += 1;
    await verifier.verify('opaque');
    expect(ask).toHaveBeenCalledTimes(2);
  });
  test('not at all within the tolerance after `exp`', async () => {
    said = { ...said, exp: seconds(-1) };
    expect(await askedAfter(1)).toBe(2);
  });
  test('for its own token alone', async () => {
    await verifier.verify('opaque');
    await verifier.verify('Opaque');
    expect(ask.mock.calls.map(([token]) => token)).toEqual(['opaque', 'Opaque']);
  });
  test('not when the clock is set back', async () => {
    expect(await askedAfter(-1)).toBe(2);
  });
  test('and a token that is withdrawn is refused once it is over', async () => {
    await verifier.verify('opaque');
    said = { active: false };
    now += 30_000;
    await expect(verifier.verify('opaque')).rejects.toMatchObject(invalid('inactive'));
  });
});

describe('where nobody can tell', () => {
  const away = { code: 'issuer_unavailable', status: 503, headers: { 'Retry-After': '2' } };
  beforeEach(() => void ask.mockRejectedValue(new Error('connect ECONNREFUSED')));

  test('the answer is 503, and the token is asked about again', async () => {
    await expect(verifier.verify('opaque')).rejects.toMatchObject(away);
    ask.mockResolvedValue(said);
    await expect(verifier.verify('opaque')).resolves.toMatchObject({ subject: 'ada' });
  });

  test('an old yes does not count', async () => {
    ask.mockResolvedValueOnce(said);
    await verifier.verify('opaque');
    now += 30_000;
    await expect(verifier.verify('opaque')).rejects.toMatchObject(away);
  });

  test('the log says why, once for each problem, and never the token', async () => {
    for (const token of ['one', 'two', 'three']) await verifier.verify(`token-${token}`).catch(() => {});
    ask.mockRejectedValueOnce(new Error('the endpoint answered 401'));
    await verifier.verify('token-four').catch(() => {});

    expect(warnings).toEqual([
      { issuer: ISSUER, problem: 'connect ECONNREFUSED' },
      { issuer: ISSUER, problem: 'the endpoint answered 401' },
    ]);
  });

  test('whoever waits when the server closes is not kept', async () => {
    ask.mockImplementation(
      (_token, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
    );
    const waiting = verifier.verify('opaque');
    verifier.close();
    await expect(waiting).rejects.toMatchObject(away);
  });
});

describe('questions are bounded', () => {
  /** Leaves every question open until `answerAll`. */
  function hold() {
    const open: ((answer: JWTPayload) => void)[] = [];
    ask.mockImplementation(() => new Promise((resolve) => open.push(resolve)));
    return { open, answerAll: () => open.splice(0).forEach((answer) => answer(said)) };
  }

  test('one token is asked about once at a time, however many wait', async () => {
    const { answerAll } = hold();
    const waiting = Array.from({ length: 50 }, () => verifier.verify('opaque'));
    answerAll();

    expect(new Set((await Promise.all(waiting)).map(({ subject }) => subject))).toEqual(new Set(['ada']));
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test('a refusal or an outage reaches everyone who waits, and nobody after them', async () => {
    ask.mockRejectedValueOnce(new Error('away'));
    const waiting = [verifier.verify('opaque'), verifier.verify('opaque')];
    const codes = (await Promise.allSettled(waiting)).map((one) => one.status);

    expect(codes).toEqual(['rejected', 'rejected']);
    await expect(verifier.verify('opaque')).resolves.toMatchObject({ subject: 'ada' });
  });

  test('64 at a time: the next is 503 without a question, and one that is known is served', async () => {
    await verifier.verify('known');
    const { open, answerAll } = hold();
    const waiting = Array.from({ length: 64 }, (_, index) => verifier.verify(`token-${index}`));
    expect(open.length).toBe(64);

    await expect(verifier.verify('one-more')).rejects.toMatchObject({
      code: 'issuer_unavailable',
      detail: { reason: 'too_many_questions' },
    });
    expect(open.length).toBe(64);
    await expect(verifier.verify('known')).resolves.toMatchObject({ subject: 'ada' });
    answerAll();
    await Promise.all(waiting);
    ask.mockResolvedValue(said);
    await expect(verifier.verify('one-more')).resolves.toMatchObject({ subject: 'ada' });
  });

  test('200 in a second, whatever they are about', async () => {
    said = { active: false };
    const codes: string[] = [];
    for (let index = 0; index < 201; index++)
      await verifier.verify(`made-up-${index}`).catch(({ code }) => codes.push(code));

    expect(ask).toHaveBeenCalledTimes(200);
    expect(codes.slice(-2)).toEqual(['credentials_invalid', 'issuer_unavailable']);
    now += 1_000;
    await expect(verifier.verify('made-up-201')).rejects.toMatchObject(invalid('inactive'));
  });

  test('in memory too: the least recently used is forgotten', async () => {
    verifier = make({ cacheSize: 2 });
    for (const token of ['one', 'two', 'one', 'three', 'one', 'two']) await verifier.verify(token);

    expect(ask.mock.calls.map(([token]) => token)).toEqual(['one', 'two', 'three', 'two']);
  });
});

test('without an audience it does not start: tokens for others would work here', () => {
  expect(() => make({ audience: [] })).toThrow(TypeError);
});
