/** Tokens that another reader might take, and keys that their sender would choose, over the wire. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createHmac } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { callTool } from '../server/process/requests.js';
import { AUDIENCE } from '../server/identity/issuer.js';
import { startTarget, type Target } from './target.js';

jest.setTimeout(60_000);

let target: Target;
/** Where a header of a token leads: nobody may ask there. */
let evil: Server;
let asked = 0;
let evilUrl: string;
let own: { readonly key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']; readonly jwk: JWK };

beforeAll(async () => {
  target = await startTarget({ JWT_AUDIENCE: AUDIENCE });
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  own = { key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' } };
  evil = createServer((_req, res) => {
    asked += 1;
    res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ keys: [own.jwk] }));
  }).listen(0, '127.0.0.1');
  await once(evil, 'listening');
  evilUrl = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`;
});
afterAll(async () => {
  evil.close();
  await target.close();
});

const base64 = (value: string | Buffer | object) =>
  Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString(
    'base64url',
  );
const claims = () => ({
  iss: target.issuer.url,
  aud: AUDIENCE,
  sub: 'alice',
  exp: Math.floor(Date.now() / 1000) + 300,
  scope: 'canary',
});
const HEADER = { alg: 'ES256', kid: 'one', typ: 'at+jwt' };

/** Signed by the attacker's own key, under a header of their choice. */
const forged = (header: object) =>
  new SignJWT(claims()).setProtectedHeader({ ...HEADER, ...header }).sign(own.key);
/** Without a signature that anybody made. */
const made = (header: string | object, signature: string | Buffer = '') =>
  [base64(header), base64(claims()), base64(signature)].join('.');
const good = () => target.issuer.sign({ scope: 'canary' });
/** A good token, with its parts changed. */
async function changed(change: (parts: string[]) => readonly string[]): Promise<string> {
  return change((await good()).split('.')).join('.');
}
const bytes = (part = '') => Buffer.from(part, 'base64url');
function hmac(header: object, secret: string): string {
  const input = `${base64({ ...HEADER, ...header })}.${base64(claims())}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
/** The order of the group of P-256. */
const ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
const ZERO = Buffer.alloc(32);
const withSignature = (make: (signature: Buffer) => Buffer | string) =>
  changed(([header = '', payload = '', signature]) => [header, payload, base64(make(bytes(signature)))]);
/** As OpenSSL writes it, where JOSE wants the two numbers alone. */
function der(signature: Buffer): Buffer {
  const numbers = [signature.subarray(0, 32), signature.subarray(32)].map((number) =>
    Buffer.concat([Buffer.from([2, 33, 0]), number]),
  );
  return Buffer.concat([Buffer.from([0x30, 70]), ...numbers]);
}

const REFUSED = ['401 credentials_invalid'];
const KIDS = [
  '../../../../dev/null',
  '/dev/null',
  "' UNION SELECT 'key",
  'one\0',
  'ONE',
  '__proto__',
  'constructor',
  '',
  '$(id)',
  'x'.repeat(5000),
];
const rows: readonly (readonly [string, () => string | Promise<string>])[] = [
  ['no algorithm', () => made({ typ: 'at+jwt', kid: 'one' })],
  ...['none', 'None', 'NONE', 'nOnE', 'none ', ''].map(
    (alg) => [`the algorithm ${JSON.stringify(alg)}`, () => made({ ...HEADER, alg })] as const,
  ),
  ['an algorithm that is a list', () => made({ ...HEADER, alg: ['ES256'] })],
  ['an algorithm that is written twice', () => made(`{"alg":"ES256","kid":"one","alg":"none"}`)],
  ['a header that is no object', () => made('[]')],
  ['a header behind a byte order mark', () => made(`\uFEFF${JSON.stringify(HEADER)}`)],
  ['HS256 with the empty secret', () => hmac({ alg: 'HS256' }, '')],
  [
    'HS256 with the public key as it is published',
    () => hmac({ alg: 'HS256' }, JSON.stringify(target.issuer.keys[0])),
  ],
  ['HS256 with the key set', () => hmac({ alg: 'HS256' }, JSON.stringify({ keys: target.issuer.keys }))],
  ['HS256 with the id of the key', () => hmac({ alg: 'HS256' }, 'one')],
  ...KIDS.map((kid) => [`the key id ${JSON.stringify(kid).slice(0, 30)}`, () => forged({ kid })] as const),
  ['a key id that is an object', () => made({ ...HEADER, kid: { one: 1 } }, Buffer.alloc(64, 1))],
  ['a key id that leads elsewhere', () => forged({ kid: evilUrl })],
  ['a key set elsewhere (jku)', () => forged({ jku: `${evilUrl}/keys` })],
  ['a certificate elsewhere (x5u)', () => forged({ x5u: `${evilUrl}/certificate` })],
  ['a key of its own (jwk)', () => forged({ jwk: own.jwk })],
  ['an encrypted token in three parts', () => made({ alg: 'dir', enc: 'A128GCM', kid: 'one' }, 'x')],
  ['a signature of zeros', () => withSignature(() => Buffer.concat([ZERO, ZERO]))],
  ['a signature of zero and the order', () => withSignature(() => Buffer.concat([ZERO, ORDER]))],
  ['a signature of the order twice', () => withSignature(() => Buffer.concat([ORDER, ORDER]))],
  ['no signature', () => withSignature(() => '')],
  ['a signature with zeros behind it', () => withSignature((signature) => Buffer.concat([signature, ZERO]))],
  [
    'a signature with zeros before each number',
    () =>
      withSignature((signature) =>
        Buffer.concat([Buffer.alloc(1), signature.subarray(0, 32), Buffer.alloc(1), signature.subarray(32)]),
      ),
  ],
  ['a signature as OpenSSL writes it', () => withSignature(der)],
  ['half a signature', () => withSignature((signature) => signature.subarray(0, 32))],
  [
    'the numbers of a signature changed over',
    () => withSignature((signature) => Buffer.concat([signature.subarray(32), signature.subarray(0, 32)])),
  ],
  [
    'the signature of another token',
    () =>
      changed(([header = '', , signature = '']) => [
        header,
        base64({ ...claims(), sub: 'admin' }),
        signature,
      ]),
  ],
  [
    'claims with other white space',
    () =>
      changed(([header = '', payload, signature = '']) => [
        header,
        base64(`${bytes(payload).toString()} `),
        signature,
      ]),
  ],
  ['padding', async () => `${await good()}=`],
  ['the alphabet of plain base64', async () => (await good()).replace(/\.(?=[^.]*$)/, '.+/')],
  ['a part too many', async () => `${await good()}.x`],
  ['a part too few', async () => (await good()).replace(/\.[^.]*$/, '')],
  [
    'a header with another type',
    () =>
      changed(([, payload = '', signature = '']) => [base64({ ...HEADER, typ: 'JWT' }), payload, signature]),
  ],
];

test('the token that all others spoil lets its bearer in', async () => {
  const answer = await callTool(target.url, 'well', {
    Authorization: `Bearer ${await target.issuer.sign()}`,
  });

  expect(answer.status).toBe(200);
  await target.received(answer);
});

test.each(rows)('%s: refused, and no tool runs', async (_name, make) => {
  const token = await make();
  await target.expectHarmless(
    async () => [
      await target.received(await callTool(target.url, 'canary', { Authorization: `Bearer ${token}` })),
    ],
    REFUSED,
  );
});

test('nobody was asked where a token leads', () => expect(asked).toBe(0));

test('nothing came out that should not, and nobody was served unseen', () => target.expectNothingShown());
