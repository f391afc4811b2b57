/** The whole OAuth flow step by step, with every request printed: what an MCP client does for its user. */
import { createHash, randomBytes } from 'node:crypto';
import { ask, type Credential, post, tokenFrom } from './requests.js';
import { type Callback, startCallback } from './callback.js';

export interface WalkOptions {
  readonly url: URL;
  readonly service: { readonly id: string; readonly secret: string };
  /** A tool that needs more than the first scope, if there is one. */
  readonly stepUpTool?: string;
  /** Asks the user to open a page in the browser. */
  readonly visit: (url: URL) => unknown;
  readonly say: (line: string) => void;
}

interface Endpoints {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly registration_endpoint: string;
}

export async function walk(options: WalkOptions): Promise<void> {
  const { url, service, stepUpTool, say } = options;
  const callback = await startCallback();
  try {
    say('\n1. A call without a token: WWW-Authenticate says where to get one');
    const { challenge } = await post(url, 'tools/list', {}, say);

    say('\n2. Discovery: the metadata of this server (RFC 9728), then of its authorization server');
    const { authorization_servers: [issuer = ''] = [] } = await ask<{ authorization_servers?: string[] }>(
      parameter(challenge, 'resource_metadata'),
      say,
    );
    const endpoints = await ask<Endpoints>(`${issuer}/.well-known/openid-configuration`, say);

    say('\n3. The client registers itself (RFC 7591)');
    const { client_id } = await ask<{ client_id: string }>(endpoints.registration_endpoint, say, {
      client_name: 'npm run dev:oauth',
      redirect_uris: [callback.uri],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    });
    const signIn = (scope: string) => authorize(options, endpoints, client_id, scope, callback);

    say('\n4. Its user signs in and consents; PKCE (RFC 7636) binds the code to this client');
    let credential = await signIn(parameter(challenge, 'scope'));
    await post(url, 'tools/list', credential, say);

    if (stepUpTool !== undefined) {
      say('\n5. Step-up: a tool needs another scope and names it; the client asks its user again');
      const refused = await post(url, 'tools/call', { ...credential, tool: stepUpTool }, say);
      credential = await signIn(parameter(refused.challenge, 'scope'));
      await post(url, 'tools/call', { ...credential, tool: stepUpTool }, say);
    }

    say('\n6. Refresh: a new token without the user');
    const { refreshToken = '' } = credential;
    const again = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id, resource: url.href };
    await post(url, 'tools/list', await tokenFrom(endpoints.token_endpoint, again, say), say);

    say('\n7. Client credentials: a program that has no user');
    const own = { grant_type: 'client_credentials', client_id: service.id, client_secret: service.secret };
    const scope = parameter(challenge, 'scope');
    const token = await tokenFrom(endpoints.token_endpoint, { ...own, scope, resource: url.href }, say);
    await post(url, 'tools/list', token, say);
  } finally {
    await callback.close();
  }
}

async function authorize(
  { url, visit, say }: WalkOptions,
  endpoints: Endpoints,
  clientId: string,
  scope: string,
  callback: Callback,
): Promise<Credential> {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  const page = new URL(endpoints.authorization_endpoint);
  page.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: callback.uri,
    scope,
    state,
    resource: url.href,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  const arrived = callback.next(state);
  await visit(page);
  const code = await arrived;
  say('   the browser came back with a code');
  const grant = { grant_type: 'authorization_code', code, redirect_uri: callback.uri, client_id: clientId };
  return tokenFrom(endpoints.token_endpoint, { ...grant, code_verifier: verifier, resource: url.href }, say);
}

/** A parameter of a `WWW-Authenticate` header. */
function parameter(challenge: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
}
