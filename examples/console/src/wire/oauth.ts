/**
 * Signs in with OAuth: authorization code with PKCE, in a window of its own. The token, the verifier and the state live
 * in this page's memory alone, so a reload forgets them and no other tab, page or history entry ever has them.
 */
import * as oauth from 'oauth4webapi';

export const REDIRECT_PATH = '/callback.html';
export const CHANNEL = 'oauth-callback';
const WAIT_MS = 5 * 60_000;

export interface SignIn {
  readonly url: string;
  /** Of a public client that the authorization server knows; empty registers one. */
  readonly clientId: string;
  readonly scopes: string;
}

/** @param popup opened by the click itself, or the browser would block it */
export async function signIn({ url, clientId, scopes }: SignIn, popup: Window): Promise<string> {
  const { issuer, scope } = await discover(url);
  const server = await discoverIssuer(issuer);
  const client = { client_id: clientId || (await register(server)) };
  const redirect = new URL(REDIRECT_PATH, location.origin).href;
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];

  const start = new URL(server.authorization_endpoint ?? issuer);
  start.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirect,
    response_type: 'code',
    scope: scopes || scope,
    resource: url,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString();
  const answer = callback(state);
  popup.location.href = start.href;

  const parameters = oauth.validateAuthResponse(server, client, await answer, state);
  const options = { ...insecureOn(issuer), additionalParameters: { resource: url } };
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    redirect,
    verifier,
    options,
  );
  const { access_token } = await oauth.processAuthorizationCodeResponse(server, client, response);
  return access_token;
}

/** Plain http only to this machine, where the browser itself trusts it. */
function insecureOn(address: string) {
  const { hostname } = new URL(address);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return { [oauth.allowInsecureRequests]: isLocal };
}

/** Which authorization server, and which scopes, the MCP server names (RFC 9728). */
async function discover(url: string): Promise<{ issuer: string; scope: string }> {
  const resource = new URL(url);
  const response = await oauth.resourceDiscoveryRequest(resource, insecureOn(url));
  const metadata = await oauth.processResourceDiscoveryResponse(resource, response);
  const [issuer] = metadata.authorization_servers ?? [];
  if (issuer === undefined) throw new Error('The server names no authorization server.');
  return { issuer, scope: metadata.scopes_supported?.join(' ') ?? '' };
}

/** RFC 8414 first, then OpenID discovery, as MCP says. */
async function discoverIssuer(issuer: string): Promise<oauth.AuthorizationServer> {
  const at = new URL(issuer);
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    const response = await oauth
      .discoveryRequest(at, { ...insecureOn(issuer), algorithm })
      .catch(() => undefined);
    if (response?.ok) return oauth.processDiscoveryResponse(at, response);
  }
  throw new Error(`No metadata that this page may read from ${issuer}.`);
}

async function register(server: oauth.AuthorizationServer): Promise<string> {
  const metadata = {
    client_name: 'MCP console',
    redirect_uris: [new URL(REDIRECT_PATH, location.origin).href],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    response_types: ['code'],
  };
  try {
    const response = await oauth.dynamicClientRegistrationRequest(
      server,
      metadata,
      insecureOn(server.issuer),
    );
    return (await oauth.processDynamicClientRegistrationResponse(response)).client_id;
  } catch {
    throw new Error(
      `${server.issuer} registers no client from a browser: register a public client there with the redirect ` +
        `${metadata.redirect_uris[0]}, and give its client id.`,
    );
  }
}

/** What the authorization server sent back to the other window. */
function callback(state: string): Promise<URL> {
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise<URL>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Nobody signed in within five minutes.')), WAIT_MS);
    channel.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const url = new URL(data);
      if (url.searchParams.get('state') !== state) return; // of another tab's attempt
      clearTimeout(timer);
      resolve(url);
    });
  }).finally(() => channel.close());
}
