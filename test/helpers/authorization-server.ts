/** A real authorization server (oidc-provider), whose user agrees to everything, or is asked. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { type GrantContext, Provider } from 'oidc-provider';

export interface AuthorizationServerOptions {
  /** URI of the server that the tokens are for, unless the request names another. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Registered clients besides the one that `token()` uses; others may register themselves. */
  readonly clients?: readonly object[];
  /** Default ES256. */
  readonly algorithm?: 'ES256' | 'EdDSA' | 'PS256' | 'RS256';
  /** Default 600. */
  readonly tokenLifetimeS?: number;
  /** Default 0, any that is free. */
  readonly port?: number;
  /** Grants that oidc-provider leaves to whoever runs it. */
  readonly grants?: readonly CustomGrant[];
  /** Who signs in where nobody is asked. Default {@link USER}. */
  readonly user?: () => string;
  /** Each refresh token is good once; a second use ends the grant. */
  readonly rotates?: boolean;
  /** Its access tokens are no JWTs; whoever is a client may introspect them. */
  readonly opaque?: boolean;
  /** Shows its user a page to sign in, and one to consent. */
  readonly interactive?: boolean;
}

export interface CustomGrant {
  readonly type: string;
  readonly parameters: readonly string[];
  /** What the token endpoint answers. The client has proven who it is. */
  answer(request: GrantRequest): Promise<object>;
}

export interface GrantRequest {
  readonly provider: Provider;
  readonly clientId: string;
  readonly params: Readonly<Record<string, string | undefined>>;
  /** By the key of the server's own tokens. */
  sign(claims: JWTPayload, type: string): Promise<string>;
  /** What the token endpoint answers when it gives the client an access token. */
  accessToken(of: {
    readonly subject: string;
    readonly scope: string;
    readonly resource: string;
  }): Promise<object>;
}

export interface AuthorizationServer {
  readonly issuer: string;
  /** Of {@link SERVICE_CLIENT}. */
  readonly secret: string;
  /** An access token by client credentials; its subject and client are {@link SERVICE_CLIENT}. */
  token(request: { readonly scope: string; readonly audience?: string }): Promise<string>;
  /** Does what a browser and its user would: opens the URL, agrees, and returns the redirect back to the client. */
  authorize(authorizationUrl: URL): Promise<URL>;
  /** What its user gets by code and PKCE, for this public client or one that registers itself. */
  userTokens(clientId?: string): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

export const SERVICE_CLIENT = 'test-service';
/** Where a browser is sent back to. */
export const REDIRECT = 'http://127.0.0.1:9/callback';
/** Subject of the tokens that come by `authorize()`. */
export const USER = 'test-user';

export async function startAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const server = createServer();
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const secret = randomBytes(32).toString('hex');
  const { algorithm = 'ES256' } = options;
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: 'signing', alg: algorithm, use: 'sig' };
  const provider = new Provider(issuer, configuration({ ...options, algorithm }, secret, jwk));
  for (const { type, parameters, answer } of options.grants ?? []) {
    const handler = async (ctx: GrantContext) => {
      ctx.body = await answer(grantRequest(provider, ctx, { ...options, algorithm }, privateKey));
    };
    provider.registerGrantType(type, handler, parameters);
  }
  const handle = provider.callback();
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const answered =
      !options.interactive && req.url?.startsWith('/interaction/')
        ? agree(provider, req, res, options)
        : handle(req, res);
    answered.catch((error: unknown) => res.writeHead(500).end(String(error)));
  });

  return {
    issuer,
    secret,
    token: ({ scope, audience = options.resource }) => requestToken(issuer, secret, scope, audience),
    authorize: (url) => followAsBrowser(url, issuer),
    userTokens: async (clientId) => tokensByCode(issuer, clientId ?? (await register(issuer)), options),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

type Options = AuthorizationServerOptions & Required<Pick<AuthorizationServerOptions, 'algorithm'>>;

function configuration(options: Options, secret: string, jwk: object): object {
  const { scopes, clients = [], algorithm, tokenLifetimeS = 600 } = options;
  const service = {
    client_id: SERVICE_CLIENT,
    client_secret: secret,
    grant_types: ['client_credentials', ...(options.grants ?? []).map(({ type }) => type)],
    redirect_uris: [],
    response_types: [],
  };
  return {
    clients: [service, ...clients],
    jwks: { keys: [jwk] },
    clientDefaults: { id_token_signed_response_alg: algorithm },
    scopes: ['openid', 'offline_access', ...scopes],
    cookies: { keys: [secret] },
    clientBasedCORS: () => true, // pages of any origin may fetch a token
    findAccount: (_ctx: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    ...(!options.interactive && {
      interactions: { url: (_ctx: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    }),
    // Also without `offline_access`, as clients of MCP seldom ask for it.
    issueRefreshToken: (_ctx: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed('refresh_token'),
    ...(options.rotates && { rotateRefreshToken: true }),
    ttl: {
      AccessToken: tokenLifetimeS,
      ClientCredentials: 600,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 600,
      Session: 600,
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: options.interactive === true },
      registration: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx: unknown, _client: unknown, one?: string) => one ?? options.resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx: unknown, resource: string) => ({
          scope: scopes.join(' '),
          audience: resource,
          accessTokenFormat: options.opaque ? 'opaque' : 'jwt',
          accessTokenTTL: tokenLifetimeS,
          jwt: { sign: { alg: algorithm } },
        }),
      },
    },
  };
}

function grantRequest(
  provider: Provider,
  { oidc: { client, params } }: GrantContext,
  { tokenLifetimeS = 600, scopes, algorithm }: Options,
  privateKey: CryptoKey,
): GrantRequest {
  return {
    provider,
    clientId: client.clientId,
    params,
    sign: (claims, typ) =>
      new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid: 'signing', typ }).sign(privateKey),
    async accessToken({ subject, scope, resource }) {
      const token = new provider.AccessToken({
        accountId: subject,
        client,
        scope,
        expiresIn: tokenLifetimeS,
      });
      token.resourceServer = new provider.ResourceServer(resource, {
        scope: scopes.join(' '),
        audience: resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: algorithm } },
      });
      return {
        access_token: await token.save(),
        token_type: 'Bearer',
        expires_in: tokenLifetimeS,
        scope,
      };
    },
  };
}

/** The user who signs in and agrees without being asked. */
async function agree(
  provider: Provider,
  req: IncomingMessage,
  res: ServerResponse,
  { resource, scopes, user = () => USER }: AuthorizationServerOptions,
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login')
    return provider.interactionFinished(req, res, { login: { accountId: user() } });
  const grant = new provider.Grant({
    accountId: session?.accountId ?? user(),
    clientId: params['client_id'] ?? '',
  });
  const asked = (params['scope'] ?? '').split(' ');
  grant.addOIDCScope(['openid', 'offline_access', ...asked].join(' '));
  grant.addResourceScope(
    params['resource'] ?? resource,
    asked.filter((scope) => scopes.includes(scope)).join(' '),
  );
  await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
}

async function requestToken(
  issuer: string,
  secret: string,
  scope: string,
  resource: string,
): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`${SERVICE_CLIENT}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource }),
  });
  if (!response.ok) throw new Error(`no token: ${await response.text()}`);
  return ((await response.json()) as { access_token: string }).access_token;
}

async function register(issuer: string): Promise<string> {
  const registration = await fetch(`${issuer}/reg`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
    }),
  });
  return ((await registration.json()) as { client_id: string }).client_id;
}

async function tokensByCode(
  issuer: string,
  clientId: string,
  { resource, scopes }: AuthorizationServerOptions,
) {
  const codeVerifier = randomBytes(32).toString('base64url');
  const url = new URL(`${issuer}/auth`);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    scope: scopes.join(' '),
    resource,
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  const callback = await followAsBrowser(url, issuer);
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      client_id: clientId,
      redirect_uri: REDIRECT,
      code_verifier: codeVerifier,
      resource,
    }),
  });
  return (await response.json()) as Readonly<Record<string, string>>;
}

/** Follows redirects within the authorization server, with its cookies, until one leads away. */
async function followAsBrowser(start: URL, issuer: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let hop = 0; hop < 10; hop++) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    await response.body?.cancel();
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=');
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`${url.pathname} answered ${response.status} without a redirect`);
    url = new URL(location, url);
    if (url.origin !== issuer) return url;
  }
  throw new Error('too many redirects');
}
