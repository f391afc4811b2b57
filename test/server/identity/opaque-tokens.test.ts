/** Opaque tokens through the whole server: of a real authorization server, and of one whose answers are wrong. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import {
  type AuthorizationServer,
  SERVICE_CLIENT,
  startAuthorizationServer,
  USER,
} from '../../helpers/authorization-server.js';
import { bodiless, callTool2025, initialize, send } from '../pipeline/request.js';
import { KEYS, served } from '../pipeline/server.js';
import { AUDIENCE } from './issuer.js';

const scopes = ['records:write'];
const bearer = (token = '') => ({ Authorization: `Bearer ${token}` });

describe('of a real authorization server', () => {
  let authorizationServer: AuthorizationServer;
  beforeAll(async () => {
    authorizationServer = await startAuthorizationServer({ resource: AUDIENCE, scopes, opaque: true });
  });
  afterAll(() => authorizationServer.close());

  const basic = async () => ({
    AUTH: 'introspection',
    JWT_AUDIENCE: AUDIENCE,
    INTROSPECTION_URL: `${authorizationServer.issuer}/token/introspection`,
    INTROSPECTION_ISSUER: authorizationServer.issuer,
    INTROSPECTION_CLIENT_ID: SERVICE_CLIENT,
    INTROSPECTION_CLIENT_SECRET: authorizationServer.secret,
  });
  const withKey = async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const registration = await fetch(`${authorizationServer.issuer}/reg`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'ours' }] },
        grant_types: [],
        redirect_uris: [],
        response_types: [],
      }),
    });
    const { client_id: id } = (await registration.json()) as { client_id: string };
    const key = { ...(await exportJWK(privateKey)), alg: 'ES256', kid: 'ours' };
    return {
      ...(await basic()),
      INTROSPECTION_CLIENT_ID: id,
      INTROSPECTION_CLIENT_SECRET: JSON.stringify(key),
    };
  };

  test.each([
    ['a secret', basic],
    ['a private key', withKey],
  ])('a token of its user calls in both eras, asked about with %s', async (_by, env) => {
    const { access_token: token } = await authorizationServer.userTokens();
    const headers = bearer(token);

    const { result, ran, records } = await served({ env: await env() }, async ({ port }) => {
      const started = await send(port, { ...initialize, headers: { ...initialize.headers, ...headers } });
      const session = { 'Mcp-Session-Id': String(started.headers['mcp-session-id']) };
      return [await send(port, callTool2025({ ...headers, ...session })), await send(port, { headers })];
    });

    expect(token).toMatch(/^[\w-]+$/);
    expect(result.map(({ status }) => status)).toEqual([200, 200]);
    expect(ran).toEqual(['record', 'record']);
    expect(records.at(-1)?.caller).toMatchObject({
      issuer: authorizationServer.issuer,
      subject: USER,
      method: 'introspection',
      scopes,
    });
    expect(JSON.stringify(records)).not.toContain(token);
  });

  test('its challenge and its metadata lead to that authorization server', async () => {
    const { result } = await served({ env: await basic() }, async ({ port }) => ({
      refused: await send(port, { headers: { Authorization: null } }),
      metadata: await send(port, { ...bodiless('GET'), target: '/.well-known/oauth-protected-resource' }),
    }));

    expect(result.refused.headers['www-authenticate']).toContain('resource_metadata=');
    expect(JSON.parse(result.metadata.text)).toMatchObject({
      authorization_servers: [authorizationServer.issuer],
      scopes_supported: scopes,
    });
  });

  test('a token with fewer scopes is 403, and lists show it what it could have', async () => {
    const { access_token: token } = await authorizationServer.userTokens();
    const env = { ...(await basic()), JWT_SCOPE_PREFIX: 'other/' };

    const { result, ran } = await served({ env }, ({ port }) => send(port, { headers: bearer(token) }));

    expect(result.status).toBe(403);
    expect(result.headers['www-authenticate']).toContain('scope="other/records:write"');
    expect(ran).toEqual([]);
  });

  test('401 with one record: a refresh token, a revoked one, one that nobody issued, a JWT, an API key', async () => {
    const revoked = await authorizationServer.userTokens();
    await fetch(`${authorizationServer.issuer}/token/revocation`, {
      method: 'POST',
      headers: {
        Authorization: `Basic ${Buffer.from(`${SERVICE_CLIENT}:${authorizationServer.secret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ token: revoked['access_token'] ?? '' }),
    });
    const { refresh_token: refreshToken } = await authorizationServer.userTokens();
    const program = await authorizationServer.token({ scope: 'records:write' });
    const rows: readonly (readonly [string | undefined, string])[] = [
      [refreshToken, 'audience'],
      [revoked['access_token'], 'inactive'],
      ['made-up', 'inactive'],
      [program, 'sub'], // oidc-provider names no subject for a program's opaque token
      ['eyJhbGciOiJFUzI1NiJ9.e30.c2ln', 'kind_not_accepted'],
      [KEYS.good, 'kind_not_accepted'],
    ];

    const { records, ran } = await served({ env: await basic() }, async ({ port }) => {
      for (const [token] of rows) expect((await send(port, { headers: bearer(token) })).status).toBe(401);
    });

    expect(records.map((record) => record['detail' as keyof typeof record])).toEqual(
      rows.map(([, reason]) => expect.objectContaining({ reason })),
    );
    expect(ran).toEqual([]);
  });

  test('a secret that it does not accept is 503, never 401', async () => {
    const { access_token: token } = await authorizationServer.userTokens();
    const env = { ...(await basic()), INTROSPECTION_CLIENT_SECRET: 'wrong' };

    const { result, ran } = await served({ env }, ({ port }) => send(port, { headers: bearer(token) }));

    expect([result.status, ran]).toEqual([503, []]);
    expect(result.received).not.toContain(authorizationServer.issuer);
  });
});

describe('of one whose answers are wrong', () => {
  let url: string;
  let answer: object;
  let asked = 0;
  const server = createServer((req, res) => {
    asked += 1;
    req.resume();
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  });
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const env = () => ({
    AUTH: 'api-key,jwt,introspection',
    JWT_ISSUERS: 'https://id.example',
    JWT_AUDIENCE: AUDIENCE,
    INTROSPECTION_URL: `${url}/introspect`,
    INTROSPECTION_ISSUER: url,
    INTROSPECTION_CLIENT_ID: 'ours',
    INTROSPECTION_CLIENT_SECRET: 'secret',
  });
  const good = () => ({
    active: true,
    iss: url,
    aud: AUDIENCE,
    sub: 'ada',
    exp: Math.floor(Date.now() / 1000) + 300,
    scope: 'records:write',
  });

  test('each gets its status and one record, and no tool runs; the good one does', async () => {
    const rows: readonly (readonly [number, object, string])[] = [
      [401, { active: false }, 'inactive'],
      [401, { iss: 'https://id.example' }, 'issuer'],
      [401, { aud: 'https://other.example/mcp' }, 'audience'],
      [401, { exp: 1 }, 'expired'],
      [401, { exp: undefined }, 'exp'],
      [401, { sub: undefined }, 'sub'],
      [401, { token_type: 'refresh_token' }, 'type'],
      [503, { active: 'yes' }, 'introspection'],
      [503, { active: undefined }, 'introspection'],
    ];

    const { records, ran } = await served({ env: env() }, async ({ port }) => {
      for (const [status, changed] of rows) {
        answer = { ...good(), ...changed };
        expect((await send(port, { headers: bearer('opaque') })).status).toBe(status);
      }
      answer = good();
      expect((await send(port, { headers: bearer('opaque') })).status).toBe(200);
    });

    const refused = records.filter(({ decision }) => decision === 'deny');
    expect(refused.map((record) => record['detail' as keyof typeof record])).toEqual(
      rows.map(([, , reason]) => expect.objectContaining({ reason })),
    );
    expect(ran).toEqual(['record']);
  });

  test('it is not asked about API keys and JWTs, whatever they are worth', async () => {
    answer = good();
    asked = 0;
    const jwt = 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln';

    const { result } = await served({ env: env() }, async ({ port }) => [
      (await send(port, { headers: bearer(KEYS.good) })).status,
      (await send(port, { headers: bearer(KEYS.unknown) })).status,
      (await send(port, { headers: bearer('mcp_') })).status,
      (await send(port, { headers: bearer(jwt) })).status,
      (await send(port, { headers: bearer('a.b.c.d.e') })).status,
      (await send(port, { headers: { Authorization: null, 'X-Api-Key': 'opaque' } })).status,
    ]);

    expect(result).toEqual([200, 401, 401, 401, 401, 401]);
    expect(asked).toBe(0);
  });

  test('many calls with one token are one question', async () => {
    answer = good();
    asked = 0;

    const { ran } = await served({ env: env() }, ({ port }) =>
      Promise.all(Array.from({ length: 20 }, () => send(port, { headers: bearer('opaque') }))),
    );

    expect([asked, ran.length]).toEqual([1, 20]);
  });
});

test('a key of the client that cannot be used stops the start', async () => {
  const env = {
    AUTH: 'introspection',
    INTROSPECTION_URL: 'https://id.example/introspect',
    INTROSPECTION_ISSUER: 'https://id.example',
    INTROSPECTION_CLIENT_ID: 'ours',
    INTROSPECTION_CLIENT_SECRET: '{"kty":"oct","k":"c2VjcmV0"}',
  };

  await expect(served({ env }, async () => {})).rejects.toMatchObject({
    problems: [{ variable: 'INTROSPECTION_CLIENT_SECRET' }],
  });
});
