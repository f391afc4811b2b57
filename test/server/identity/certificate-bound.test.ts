/** Tokens that are bound to a certificate, against a whole server that ends TLS itself: what a thief of the token can do. */
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { selfSignedCertificate } from '../../helpers/certificate.js';
import { serve, type Served } from '../../helpers/serve.js';
import { CALL, CALL_HEADERS, canary, definitions, JSON_HEADERS } from './canary.js';
import { AUDIENCE, startIssuer, type TestIssuer } from './issuer.js';

type Json = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly body: Json;
}

const own = selfSignedCertificate();
const mine = selfSignedCertificate();
const other = selfSignedCertificate();
const digestOf = (data: Buffer | string, encoding: 'base64url' | 'base64' | 'hex' = 'base64url') =>
  createHash('sha256').update(data).digest(encoding);
const { raw, publicKey } = new X509Certificate(mine.cert);
const MINE = digestOf(raw);

let issuer: TestIssuer;
let folder: string;
let server: Served;
const open: Served[] = [];

async function start(env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const one = await serve(definitions, ['a'], {
    AUTH: 'jwt,api-key',
    JWT_ISSUERS: issuer.url,
    JWT_AUDIENCE: AUDIENCE,
    RATE_LIMIT_AUTH_FAILURES: '1000/60s',
    TLS_CERT_FILE: join(folder, 'cert.pem'),
    TLS_KEY_FILE: join(folder, 'key.pem'),
    ...env,
  });
  open.push(one);
  return one;
}

beforeAll(async () => {
  issuer = await startIssuer();
  folder = await mkdtemp(join(tmpdir(), 'certificate-bound-'));
  await writeFile(join(folder, 'cert.pem'), own.cert);
  await writeFile(join(folder, 'key.pem'), own.key);
  server = await start();
});
afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await issuer.close();
  await rm(folder, { recursive: true });
});

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
};

interface Sent {
  readonly certificate?: typeof mine | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly params?: object;
}

async function send(url: URL, { certificate, headers, method = CALL.method, params = CALL.params }: Sent) {
  const req = request(url, {
    method: 'POST',
    headers: {
      ...(method === CALL.method ? CALL_HEADERS : JSON_HEADERS),
      ...headers,
    },
    ca: own.cert,
    agent: false,
    ...certificate,
  }).end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  const body = (await json(res)) as Json;
  return { status: res.statusCode ?? 0, challenge: res.headers['www-authenticate'], body } as Answer;
}

const bearer = async (claims: Json) => ({ Authorization: `Bearer ${await issuer.sign(claims)}` });

test('a bound token is taken with its certificate, in both eras', async () => {
  const before = canary.runs;
  const headers = await bearer({ cnf: { 'x5t#S256': MINE } });

  expect(await send(server.url, { certificate: mine, headers })).toMatchObject({ status: 200 });
  const initialize = { certificate: mine, headers, method: 'initialize', params: INITIALIZE };
  expect(await send(server.url, initialize)).toMatchObject({ status: 200 });
  expect(canary.runs).toBe(before + 1);
});

test('a token that is bound to no certificate, and a key, are taken with any certificate and without', async () => {
  for (const certificate of [undefined, mine]) {
    const headers = await bearer({});
    expect(await send(server.url, { certificate, headers })).toMatchObject({ status: 200 });
    const withKey = { certificate, headers: { 'X-Api-Key': server.key } };
    expect(await send(server.url, withKey)).toMatchObject({ status: 200 });
  }
});

const binding = (value: unknown) => ({ cnf: { 'x5t#S256': value } });
const pem = mine.cert.replaceAll('\n', '');

describe('refused, with 401 and one record, before the tool runs:', () => {
  test.each<[string, string, Json, Sent]>([
    ['no certificate', 'certificate_missing', binding(MINE), {}],
    ['another certificate', 'certificate_other', binding(MINE), { certificate: other }],
    ['the certificate of the server', 'certificate_other', binding(MINE), { certificate: own }],
    [
      'the certificate in a header of a proxy',
      'certificate_missing',
      binding(MINE),
      { headers: { 'X-Client-Cert': encodeURIComponent(pem), 'X-Forwarded-Client-Cert': `Cert="${pem}"` } },
    ],
    [
      'the certificate in the header of RFC 9440',
      'certificate_missing',
      binding(MINE),
      { headers: { 'Client-Cert': `:${raw.toString('base64')}:` } },
    ],
    ['a digest in hex', 'certificate_other', binding(digestOf(raw, 'hex')), { certificate: mine }],
    ['a digest in base64', 'certificate_other', binding(digestOf(raw, 'base64')), { certificate: mine }],
    ['a digest of the PEM', 'certificate_other', binding(digestOf(mine.cert)), { certificate: mine }],
    [
      'a digest of the public key',
      'certificate_other',
      binding(digestOf(publicKey.export({ type: 'spki', format: 'der' }))),
      { certificate: mine },
    ],
    ['the beginning of the digest', 'certificate_other', binding(MINE.slice(0, 20)), { certificate: mine }],
    ['a padded digest', 'certificate_other', binding(`${MINE}=`), { certificate: mine }],
    ['an empty digest', 'certificate_other', binding(''), { certificate: mine }],
    ['an empty digest and no certificate', 'certificate_missing', binding(''), {}],
    ['a list of digests', 'certificate_other', binding([MINE]), { certificate: mine }],
    ['a number', 'certificate_other', binding(7), { certificate: mine }],
    ['null', 'certificate_other', binding(null), { certificate: mine }],
    [
      'the right certificate for a token of another audience',
      'audience',
      { ...binding(MINE), aud: 'https://other.example' },
      { certificate: mine },
    ],
  ])('%s', async (_what, reason, claims, { headers, ...sent }) => {
    const before = canary.runs;
    const answer = await send(server.url, { ...sent, headers: { ...(await bearer(claims)), ...headers } });

    expect(answer).toMatchObject({
      status: 401,
      challenge: expect.stringMatching(/^Bearer error="invalid_token"/),
      body: { error: { data: { code: 'credentials_invalid' } } },
    });
    expect(JSON.stringify(answer.body)).not.toMatch(/certificate|audience/);
    expect(canary.runs).toBe(before);
    const { requestId } = (answer.body as { error: { data: { requestId: string } } }).error.data;
    const written = (await server.audited()).filter((one) => one['requestId'] === requestId);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({ decision: 'deny', detail: { reason } });
  });
});

test('behind a proxy, which has seen the certificate in its place, a bound token is refused and any other is taken', async () => {
  const behind = await start({ TLS_CERT_FILE: '', TLS_KEY_FILE: '' });
  const call = (headers: Readonly<Record<string, string>>) =>
    fetch(behind.url, {
      method: 'POST',
      headers: { ...CALL_HEADERS, ...headers },
      body: JSON.stringify(CALL),
    });
  const claimed = { 'Client-Cert': `:${raw.toString('base64')}:`, 'X-Client-Cert': encodeURIComponent(pem) };

  expect((await call({ ...(await bearer(binding(MINE))), ...claimed })).status).toBe(401);
  expect((await call(await bearer({}))).status).toBe(200);
  const isRefused = ({ detail }: Json) => (detail as Json | undefined)?.['reason'] === 'certificate_unseen';
  expect((await behind.audited()).filter(isRefused)).toHaveLength(1);
});

test('a token that is bound to a key too needs both proofs, and DPOP=require is not met by a certificate', async () => {
  const accepts = await start({ DPOP: 'accept' });
  const requires = await start({ DPOP: 'require' });
  const both = await bearer({ cnf: { 'x5t#S256': MINE, jkt: 'a'.repeat(43) } });
  const alone = await bearer(binding(MINE));

  expect(await send(accepts.url, { certificate: mine, headers: both })).toMatchObject({ status: 401 });
  expect(await send(accepts.url, { certificate: mine, headers: alone })).toMatchObject({ status: 200 });
  expect(await send(requires.url, { certificate: mine, headers: alone })).toMatchObject({ status: 401 });
});

test('a resumed TLS session still shows its certificate', async () => {
  const { hostname, port } = server.url;
  const Authorization = (await bearer(binding(MINE)))['Authorization'];
  const body = JSON.stringify(CALL);
  const head = ['POST /mcp HTTP/1.1', `Host: ${server.url.host}`, `Authorization: ${Authorization}`];
  const lines = [
    ...head,
    ...Object.entries(CALL_HEADERS).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
  ];
  const call = async (session?: Buffer) => {
    const socket: TLSSocket = connect({
      host: hostname,
      port: Number(port),
      ca: own.cert,
      ...mine,
      ...(session && { session }),
    });
    const tickets: Buffer[] = [];
    socket.on('session', (ticket: Buffer) => void tickets.push(ticket));
    await once(socket, 'secureConnect');
    const isReused = socket.isSessionReused();
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (session === undefined && tickets.length === 0) await once(socket, 'session');
    socket.destroy();
    return {
      status: answer.toString('latin1').slice(9, 12),
      given: tickets[0],
      isReused,
    };
  };

  const first = await call();
  const again = await call(first.given);

  expect([first.status, again.status, again.isReused]).toEqual(['200', '200', true]);
});

test('the metadata say that certificates are looked at, only where they are', async () => {
  const read = async ({ url }: Served) => {
    const path = '/.well-known/oauth-protected-resource';
    if (url.protocol === 'http:') return (await (await fetch(new URL(path, url))).json()) as Json;
    const req = request(new URL(path, url), { ca: own.cert, agent: false }).end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    return (await json(res)) as Json;
  };

  expect(await read(server)).toMatchObject({ tls_client_certificate_bound_access_tokens: true });
  const behind = await start({ TLS_CERT_FILE: '', TLS_KEY_FILE: '' });
  expect(await read(behind)).not.toHaveProperty('tls_client_certificate_bound_access_tokens');
});
