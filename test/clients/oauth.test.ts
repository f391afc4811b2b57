/** From a 401 to a tool's result, by the OAuth that the SDKs' clients bring; only the browser is played by the test. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as v2 from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  type AuthorizationServer,
  REDIRECT,
  startAuthorizationServer,
  USER,
} from '../helpers/authorization-server.js';
import { definitions, seen } from './definitions.js';
import { type AuditLine, serve, type Served } from '../helpers/serve.js';

const SCOPES = ['notes:read', 'notes:write'];
const SERVICE = {
  client_id: 'bound-service',
  client_secret: 'a-secret-of-the-test-service',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};
const PRESET = {
  client_id: 'preset',
  redirect_uris: [REDIRECT],
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code'],
  response_types: ['code'],
};

let authorizationServer: AuthorizationServer;
let server: Served;
let closed: Promise<readonly AuditLine[]> | undefined;
const opened: Attempt[] = [];
const close = () => (closed ??= server.close());

beforeAll(async () => {
  const resource = 'http://127.0.0.1:1/unused'; // every client names its own
  authorizationServer = await startAuthorizationServer({
    resource,
    scopes: SCOPES,
    clients: [PRESET, SERVICE],
  });
});
afterAll(() => authorizationServer.close());
beforeEach(async () => {
  closed = undefined;
  server = await serve(definitions, [], {
    AUTH: 'jwt,api-key',
    JWT_ISSUERS: authorizationServer.issuer,
    REQUIRED_SCOPES: 'notes:read',
  });
});
afterEach(async () => {
  seen.removeAllListeners();
  await Promise.all(opened.splice(0).map((client) => client.close()));
  await close();
});

const preset = () => ({ client_id: PRESET.client_id, issuer: authorizationServer.issuer });
interface Registered {
  readonly client_id: string;
  readonly issuer?: string;
}

/** What an application keeps for the SDK, and its browser. */
function createProvider(registered?: Registered) {
  let tokens: v2.OAuthTokens | undefined;
  let verifier = '';
  let client: Registered | undefined = registered;
  let discovered: v2.OAuthDiscoveryState | undefined;
  const asked: URL[] = [];
  let callback = new URL(REDIRECT);
  return {
    /** Where the user was sent, each time. */
    asked,
    callback: () => callback.searchParams,
    provider: {
      redirectUrl: REDIRECT,
      clientMetadata: { ...PRESET, client_name: 'test client' },
      clientInformation: () => client,
      saveClientInformation: (saved: Registered) => void (client = saved),
      tokens: () => tokens,
      saveTokens: (saved: v2.OAuthTokens) => void (tokens = saved),
      saveCodeVerifier: (saved: string) => void (verifier = saved),
      codeVerifier: () => verifier,
      saveDiscoveryState: (state: v2.OAuthDiscoveryState) => void (discovered = state),
      discoveryState: () => discovered,
      redirectToAuthorization: async (url: URL) => {
        asked.push(url);
        callback = await authorizationServer.authorize(url);
      },
    },
  };
}

interface Attempt {
  connect(): Promise<unknown>;
  call(name: string): Promise<unknown>;
  finish(callback: URLSearchParams): Promise<void>;
  close(): Promise<void>;
}
type Provider = ReturnType<typeof createProvider>['provider'];

const info = { name: 'test client', version: '1.0.0' };
const attempt1 = (authProvider: Provider): Attempt => {
  const client = new Client1(info);
  const transport = new Transport1(server.url, { authProvider });
  return {
    connect: () => client.connect(transport),
    call: (name) => client.callTool({ name, arguments: name === 'count' ? { steps: 1 } : {} }),
    finish: (callback) => transport.finishAuth(callback.get('code') ?? ''),
    close: () => client.close(),
  };
};
const attempt2 =
  (mode: 'legacy' | { pin: string }) =>
  (authProvider: Provider): Attempt => {
    const client = new v2.Client(info, { versionNegotiation: { mode } });
    const transport = new v2.StreamableHTTPClientTransport(server.url, { authProvider });
    return {
      connect: () => client.connect(transport),
      call: (name) => client.callTool({ name, arguments: name === 'count' ? { steps: 1 } : {} }),
      finish: (callback) => transport.finishAuth(callback),
      close: () => client.close(),
    };
  };

describe.each([
  ['the 1.x client', attempt1],
  ['the 2.x client, in its legacy mode', attempt2('legacy')],
  ['the 2.x client, revision 2026-07-28', attempt2({ pin: '2026-07-28' })],
])('%s', (_name, attempt) => {
  /** Sent away by a 401, signed in, and back. */
  async function signIn(registered?: Registered) {
    const application = createProvider(registered);
    const first = attempt(application.provider);
    const client = attempt(application.provider);
    opened.push(first, client);
    await expect(first.connect()).rejects.toThrow();
    await first.finish(application.callback());
    await client.connect();
    return { ...application, client };
  }

  test('registers itself, sends its user to sign in, and calls a tool as that user', async () => {
    const { asked, client } = await signIn();
    const result = await client.call('count');

    expect(result).toMatchObject({ structuredContent: { counted: 1 } });
    expect(asked).toHaveLength(1);
    const query = Object.fromEntries(asked[0]?.searchParams ?? []);
    expect(asked[0]?.origin).toBe(authorizationServer.issuer);
    expect(query).toMatchObject({
      resource: server.url.href,
      scope: 'notes:read',
      code_challenge_method: 'S256',
      response_type: 'code',
    });
    await client.close();
    const records = await close();
    expect(records.find((record) => record['gen_ai.tool.name'] === 'count')).toMatchObject({
      caller: {
        issuer: authorizationServer.issuer,
        subject: USER,
        method: 'jwt',
        clientId: query['client_id'],
      },
    });
    const paths = records.slice(0, 2).map((record) => [record['http.path'], record['http.status']]);
    expect(paths).toEqual([
      ['/mcp', 401],
      ['/.well-known/oauth-protected-resource/mcp', 200],
    ]);
  });

  test('does the same with a client id that it was given', async () => {
    const { asked, client } = await signIn({
      client_id: PRESET.client_id,
      issuer: authorizationServer.issuer,
    });

    expect(await client.call('count')).toMatchObject({ structuredContent: { counted: 1 } });
    expect(asked[0]?.searchParams.get('client_id')).toBe(PRESET.client_id);
  });

  test('asks its user for more when a tool needs more, and then may call it', async () => {
    let writes = 0;
    seen.on('changed', () => writes++);
    const { asked, callback, client } = await signIn(preset()); // one that registers itself may get no more later

    await expect(client.call('write_note')).rejects.toThrow();
    expect(writes).toBe(0);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.searchParams.get('scope')?.split(' ').sort()).toEqual(SCOPES);
    await client.finish(callback());
    const result = await client.call('write_note');

    expect(result).toMatchObject({ content: [{ type: 'text', text: 'written' }] });
    expect(writes).toBe(1);
    await client.close();
    const denied = (await close()).filter((record) => record['reason'] === 'insufficient_scope');
    expect(denied.map((record) => record['http.status'])).toEqual([403]);
  });
});

describe('where every token must be bound to a key', () => {
  let bound: Served;

  class BoundProvider extends v2.ClientCredentialsProvider {
    readonly #session = v2.DpopSession.create();
    constructor(readonly isBound: boolean) {
      super({
        clientId: SERVICE.client_id,
        clientSecret: SERVICE.client_secret,
        scope: SCOPES.join(' '),
        expectedIssuer: authorizationServer.issuer,
      });
    }
    dpop() {
      return this.isBound ? this.#session : undefined;
    }
  }

  beforeEach(async () => {
    bound = await serve(definitions, [], {
      AUTH: 'jwt',
      JWT_ISSUERS: authorizationServer.issuer,
      DPOP: 'require',
    });
  });
  afterEach(() => bound.close());

  const connect = async (mode: 'legacy' | { pin: string }, isBound: boolean) => {
    const client = new v2.Client(info, { versionNegotiation: { mode } });
    const authProvider = new BoundProvider(isBound);
    opened.push({ close: () => client.close() } as Attempt);
    await client.connect(new v2.StreamableHTTPClientTransport(bound.url, { authProvider }));
    return client;
  };

  test.each(['legacy' as const, { pin: '2026-07-28' }])(
    'the 2.x client (%j) proves that it has the key of its token, with each request',
    async (mode) => {
      const client = await connect(mode, true);
      for (let i = 0; i < 3; i += 1) {
        const result = await client.callTool({ name: 'count', arguments: { steps: 1 } });
        expect(result).toMatchObject({ structuredContent: { counted: 1 } });
      }
      const records = await bound.audited();
      const called = records.filter(
        (record) => record['gen_ai.tool.name'] === 'count' && record['stage'] === 'received',
      );
      expect(called).toHaveLength(3);
      for (const { caller } of called) {
        expect(caller).toMatchObject({ subject: SERVICE.client_id, boundTo: expect.any(String) });
      }
    },
  );

  test('the same client without a key is refused, and no tool runs', async () => {
    await expect(connect('legacy', false)).rejects.toThrow();
    expect(await bound.audited()).not.toContainEqual(expect.objectContaining({ stage: 'received' }));
  });
});

test('a good token for another server is 401, and no tool runs', async () => {
  const audience = `${server.url.origin}/other`;
  const post = async (token: string) =>
    fetch(server.url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': 'tools/call',
        'Mcp-Name': 'write_note',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name: 'write_note',
          arguments: {},
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
  const scope = SCOPES.join(' ');
  const other = await post(await authorizationServer.token({ scope, audience }));
  const own = await post(await authorizationServer.token({ scope, audience: server.url.href }));

  expect([other.status, own.status]).toEqual([401, 200]);
  expect(other.headers.get('www-authenticate')).toContain('error="invalid_token"');
  expect(await other.json()).toMatchObject({ error: { data: { code: 'credentials_invalid' } } });
  await own.json();
  const runs = (await close()).filter((record) => record['stage'] === 'received');
  expect(runs).toHaveLength(1);
});
