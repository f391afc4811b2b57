/** Tokens for which no user is asked: of a program, and of a company's user by enterprise-managed authorization. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as v2 from '@modelcontextprotocol/client';
import { ClientCredentialsProvider as Credentials1 } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exportJWK, generateKeyPair } from 'jose';
import {
  assertionExchange,
  assertionGrant,
  JWT_BEARER,
  TOKEN_EXCHANGE,
} from '../helpers/authorization-grants.js';
import {
  type AuthorizationServer,
  REDIRECT,
  startAuthorizationServer,
  USER,
} from '../helpers/authorization-server.js';
import { type AuditLine, serve, type Served } from '../helpers/serve.js';
import { callIn2026, toolCall } from '../helpers/two-eras.js';
import { definitions, seen } from './definitions.js';

const SCOPES = ['notes:read', 'notes:write'];
const UNUSED = 'http://127.0.0.1:1/unused'; // a token for the server was asked for by its name
const SECRET = 'a-secret-of-the-test-client';
const [WRITER, READER] = ['writer', 'reader'];
const PROGRAM = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
/** A client of both: of the company's identity provider, and of the authorization server. */
const ASSISTANT = 'assistant';

let identityProvider: AuthorizationServer;
let authorizationServer: AuthorizationServer;
let server: Served;
let writes = 0;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  identityProvider = await startAuthorizationServer({
    resource: UNUSED,
    scopes: ['openid'],
    grants: [assertionExchange(['notes:read'])],
    clients: [
      {
        client_id: ASSISTANT,
        token_endpoint_auth_method: 'none',
        redirect_uris: [REDIRECT],
        grant_types: ['authorization_code', TOKEN_EXCHANGE],
      },
    ],
  });
  authorizationServer = await startAuthorizationServer({
    resource: UNUSED,
    scopes: SCOPES,
    grants: [assertionGrant(identityProvider.issuer)],
    clients: [
      { ...PROGRAM, client_id: WRITER, client_secret: SECRET },
      { ...PROGRAM, client_id: READER, client_secret: SECRET, scope: 'notes:read' },
      { ...PROGRAM, client_id: ASSISTANT, client_secret: SECRET, grant_types: [JWT_BEARER] },
    ],
  });
});
afterAll(() => Promise.all([authorizationServer?.close(), identityProvider?.close()]));
beforeEach(async () => {
  writes = 0;
  seen.on('changed', () => writes++);
  server = await serve(definitions, [], {
    AUTH: 'jwt',
    // The identity provider need not be here. Even then, what it signs is no access token.
    JWT_ISSUERS: `${authorizationServer.issuer},${identityProvider.issuer}`,
    REQUIRED_SCOPES: 'notes:read',
  });
});
afterEach(async () => {
  seen.removeAllListeners();
  await Promise.all(opened.splice(0).map((client) => client.close()));
  await server.close();
});

const info = { name: 'test client', version: '1.0.0' };
const COUNT = { name: 'count', arguments: { steps: 1 } };
const COUNTED = { structuredContent: { counted: 1 } };
const WRITE = { name: 'write_note', arguments: {} };
type Mode = 'legacy' | { readonly pin: string };
const MODES: readonly Mode[] = ['legacy', { pin: '2026-07-28' }];

async function connect1(authProvider: Credentials1) {
  const client = new Client1(info);
  opened.push(client);
  await client.connect(new Transport1(server.url, { authProvider }));
  return client;
}

async function connect2(mode: Mode, authProvider: v2.OAuthClientProvider) {
  const client = new v2.Client(info, { versionNegotiation: { mode } });
  opened.push(client);
  await client.connect(new v2.StreamableHTTPClientTransport(server.url, { authProvider }));
  return client;
}

const callersOf = (records: readonly AuditLine[]) =>
  records.filter((record) => record['stage'] === 'received').map(({ caller }) => caller);
const deniedIn = (records: readonly AuditLine[]) =>
  records.filter((record) => record['http.status'] === 403).map(({ reason }) => reason);
const calledBy = (subject: string, clientId: string) =>
  expect.objectContaining({ issuer: authorizationServer.issuer, subject, clientId, method: 'jwt' });

describe('a program with client credentials', () => {
  const credentials = (clientId: string) => ({
    clientId,
    clientSecret: SECRET,
    scope: 'notes:read',
    expectedIssuer: authorizationServer.issuer,
  });

  const connectIn = (mode: Mode) => (clientId: string) =>
    connect2(mode, new v2.ClientCredentialsProvider(credentials(clientId)));

  describe.each([
    ['the 1.x client', (clientId: string) => connect1(new Credentials1(credentials(clientId)))] as const,
    ...MODES.map((mode) => [`the 2.x client (${JSON.stringify(mode)})`, connectIn(mode)] as const),
  ])('of %s', (_name, connect) => {
    test('calls a tool as itself', async () => {
      const client = await connect(READER);

      expect(await client.callTool(COUNT)).toMatchObject(COUNTED);
      expect(callersOf(await server.audited())).toContainEqual(calledBy(READER, READER));
    });

    test('is 403 without the scope of a tool, which does not run', async () => {
      const client = await connect(READER);

      await expect(client.callTool(WRITE)).rejects.toThrow();
      expect(writes).toBe(0);
      expect(deniedIn(await server.audited())).toContain('insufficient_scope');
    });
  });

  test.each(MODES)(
    'asks for the scope that a tool needs, and may then call it (2.x client, %j)',
    async (mode) => {
      const client = await connectIn(mode)(WRITER);
      await client.callTool(WRITE);

      expect(writes).toBe(1);
      expect(deniedIn(await server.audited())).toEqual(['insufficient_scope']);
    },
  );

  test.each(MODES)('and a key instead of a secret calls a tool as itself (2.x client, %j)', async (mode) => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const clientId = await register({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [await exportJWK(publicKey)] },
    });
    const of = {
      ...credentials(clientId),
      privateKey: { ...(await exportJWK(privateKey)) },
      algorithm: 'ES256',
    };
    const client = await connect2(mode, new v2.PrivateKeyJwtProvider(of));

    expect(await client.callTool(COUNT)).toMatchObject(COUNTED);
    expect(callersOf(await server.audited())).toContainEqual(calledBy(clientId, clientId));
  });

  async function register(metadata: object): Promise<string> {
    const registration = await fetch(`${authorizationServer.issuer}/reg`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...PROGRAM, ...metadata }),
    });
    return ((await registration.json()) as { client_id: string }).client_id;
  }
});

describe("a company's user, by enterprise-managed authorization", () => {
  let idToken = '';
  beforeAll(async () => {
    ({ id_token: idToken = '' } = await identityProvider.userTokens(ASSISTANT));
  });

  /** The company allows `notes:read`, whatever is asked for. */
  async function assertion(audience: string, resource: string): Promise<string> {
    const of = { idpUrl: identityProvider.issuer, clientId: ASSISTANT, idToken, scope: SCOPES.join(' ') };
    return (await v2.discoverAndRequestJwtAuthGrant({ ...of, audience, resource })).jwtAuthGrant;
  }

  async function accessToken(resource: string): Promise<string> {
    const jwtAuthGrant = await assertion(authorizationServer.issuer, resource);
    const tokenEndpoint = `${authorizationServer.issuer}/token`;
    const of = { tokenEndpoint, jwtAuthGrant, clientId: ASSISTANT, clientSecret: SECRET };
    return (await v2.exchangeJwtAuthGrant(of)).access_token;
  }

  describe.each(MODES)('through the 2.x client (%j)', (mode) => {
    const connect = () => {
      const of = {
        assertion: ({ authorizationServerUrl, resourceUrl }: v2.CrossAppAccessContext) =>
          assertion(authorizationServerUrl, resourceUrl),
        clientId: ASSISTANT,
        clientSecret: SECRET,
        expectedIssuer: authorizationServer.issuer,
      };
      return connect2(mode, new v2.CrossAppAccessProvider(of));
    };

    test('calls a tool, and is asked nothing', async () => {
      const client = await connect();

      expect(await client.callTool(COUNT)).toMatchObject(COUNTED);
      expect(callersOf(await server.audited())).toContainEqual(calledBy(USER, ASSISTANT));
    });

    test('is 403 without a scope that the company does not give, and the tool does not run', async () => {
      const client = await connect();

      await expect(client.callTool(WRITE)).rejects.toThrow();
      expect(writes).toBe(0);
      expect(deniedIn(await server.audited())).toContain('insufficient_scope');
    });
  });

  const call = (token: string) =>
    callIn2026({ url: server.url, key: token }, toolCall(COUNT.name, COUNT.arguments));

  test('has an access token for this server', async () => {
    expect((await call(await accessToken(server.url.href))).status).toBe(200);
  });

  test.each([
    ['the assertion', 'type', () => assertion(authorizationServer.issuer, server.url.href)],
    ['an assertion whose audience is this server', 'type', () => assertion(server.url.href, server.url.href)],
    ['the ID token', 'audience', async () => idToken],
    ['an access token for another server', 'audience', () => accessToken('https://other.example/mcp')],
  ])('%s is no access token of this server: 401, and no tool runs', async (_name, reason, token) => {
    const { status, answer } = await call(await token());

    expect([status, answer?.error]).toMatchObject([401, { data: { code: 'credentials_invalid' } }]);
    const records = await server.audited();
    expect(records).toContainEqual(expect.objectContaining({ 'http.status': 401, detail: { reason } }));
    expect(callersOf(records)).toEqual([]);
  });
});
