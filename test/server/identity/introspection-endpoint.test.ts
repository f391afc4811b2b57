import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { describe } from '../../../src/server/identity/fetch-keys.js';
import { introspectionEndpoint } from '../../../src/server/identity/introspection-endpoint.js';

const ISSUER = 'https://issuer.example';

let server: ReturnType<typeof createServer>;
let url: URL;
let answer: (req: IncomingMessage, res: ServerResponse, body: string) => void;
let asked: string[];
beforeEach(async () => {
  asked = [];
  server = createServer((req, res) => {
    void text(req).then((body) => {
      asked.push(body);
      answer(req, res, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/introspect`);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const json = (res: ServerResponse, body: string) =>
  void res.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
const client = (clientSecret = 's e:cret%') =>
  introspectionEndpoint({ url, issuer: ISSUER, clientId: 'our client', clientSecret });
const soon = () => AbortSignal.timeout(5_000);

test('asks with the id and the secret of this server, the token in the body alone', async () => {
  let header: string | undefined;
  answer = (req, res) => {
    header = req.headers.authorization;
    expect(req.url).toBe('/introspect');
    json(res, '{"active":true,"sub":"ada"}');
  };

  const said = await (await client())('tok+en/=', soon());

  expect(said).toEqual({ active: true, sub: 'ada' });
  // RFC 6749 §2.3.1: both parts are form-encoded first.
  expect(Buffer.from(header?.replace('Basic ', '') ?? '', 'base64').toString()).toBe(
    'our+client:s+e%3Acret%25',
  );
  expect(Object.fromEntries(new URLSearchParams(asked[0]))).toEqual({
    token: 'tok+en/=',
    token_type_hint: 'access_token',
  });
});

test.each(['ES256', 'EdDSA', 'PS256', 'RS256'])(
  'signs an assertion with a private key for %s',
  async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(privateKey)), alg, kid: 'ours' };
    answer = (req, res) => json(res, JSON.stringify({ active: req.headers.authorization === undefined }));

    expect(await (await client(JSON.stringify(jwk)))('token', soon())).toEqual({ active: true });

    const form = new URLSearchParams(asked[0]);
    const assertion = await jwtVerify(form.get('client_assertion') ?? '', publicKey, {
      issuer: 'our client',
      subject: 'our client',
      audience: ISSUER,
      requiredClaims: ['jti', 'exp'],
    });
    expect(assertion.protectedHeader.kid).toBe('ours');
    expect(form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    expect(asked[0]).not.toContain(jwk.d ?? 'no private part');
  },
);

test.each<[string, () => Promise<string>]>([
  ['begins like one and is not JSON', async () => '{"kty":"EC",'],
  ['has no alg', async () => JSON.stringify({ ...(await pair('ES256')).secret })],
  ['is for a shared secret', async () => '{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}'],
  ['is a shared secret by another name', async () => '{"kty":"oct","k":"c2VjcmV0","alg":"ES256"}'],
  ['is public', async () => JSON.stringify({ ...(await pair('ES256')).open, alg: 'ES256' })],
  ['is for another alg', async () => JSON.stringify({ ...(await pair('ES256')).secret, alg: 'RS256' })],
])('a key that %s stops the start, and is not shown', async (_why, make) => {
  const secret = await make();
  const error = await client(secret).then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );

  expect(error).toBeInstanceOf(TypeError);
  for (const part of secret.match(/[\w-]{8,}/g) ?? []) expect(error?.message).not.toContain(part);
  expect(asked).toEqual([]);
});

async function pair(alg: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { open: await exportJWK(publicKey), secret: await exportJWK(privateKey) };
}

test.each(['http://issuer.example/introspect', 'https://user:secret@issuer.example/introspect'])(
  'no token is sent to %s',
  async (unsafe) => {
    const endpoint = { url: new URL(unsafe), issuer: ISSUER, clientId: 'c', clientSecret: 's' };
    await expect(introspectionEndpoint(endpoint)).rejects.toThrow(TypeError);
  },
);

test.each<[string, (res: ServerResponse) => void]>([
  ['404', (res) => void res.writeHead(404).end()],
  ['401, our client refused', (res) => void res.writeHead(401).end('{"error":"invalid_client"}')],
  ['500', (res) => void res.writeHead(500).end('{"active":true}')],
  ['201', (res) => void res.writeHead(201, { 'Content-Type': 'application/json' }).end('{"active":true}')],
  ['a redirect, which is not followed', (res) => void res.writeHead(307, { Location: '/other' }).end()],
  ['HTML', (res) => void res.writeHead(200, { 'Content-Type': 'text/html' }).end('{"active":true}')],
  ['no type', (res) => void res.writeHead(200).end('{"active":true}')],
  [
    'a signed answer',
    (res) =>
      void res
        .writeHead(200, { 'Content-Type': 'application/token-introspection+jwt' })
        .end('eyJhbGciOiJub25lIn0.e30.'),
  ],
  ['no JSON, but the token', (res) => json(res, 'the-token')],
  ['cut JSON', (res) => json(res, '{"active":true')],
  ['a list', (res) => json(res, '[{"active":true}]')],
  ['null', (res) => json(res, 'null')],
  ['nothing', (res) => json(res, '')],
  ['no `active`', (res) => json(res, '{"sub":"ada"}')],
  ['`active` in words', (res) => json(res, '{"active":"true"}')],
  ['`active` as a number', (res) => json(res, '{"active":1}')],
  ['more than we read', (res) => json(res, `{"active":true,"x":"${'x'.repeat(600_000)}"}`)],
  ['a broken connection', (res) => void res.destroy()],
])('an answer that says nothing: %s', async (_what, say) => {
  answer = (_req, res) => say(res);

  const error = await (await client())('the-token', soon()).catch((reason: unknown) => reason);

  expect(error).toMatchObject({ message: expect.any(String) });
  expect(describe(error)).not.toContain('the-token');
  expect(asked.length).toBe(1);
});

test('a question ends with its signal, also in the middle of the body', async () => {
  const stop = new AbortController();
  answer = (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json' }).write('{"active":', () => stop.abort());
  };

  await expect((await client())('token', stop.signal)).rejects.toThrow();
});
