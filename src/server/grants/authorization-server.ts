/** The authorization code grant with PKCE (RFC 6749, RFC 7636, RFC 9207) at one authorization server. */
import * as oauth from 'oauth4webapi';
import { boundedFetch, TIMEOUT_MS } from '../helpers/token-endpoint.js';
import { isLocal, type OAuthClient } from './options.js';

/** One way of a browser to an authorization server and back. */
export interface Trip {
  readonly state: string;
  /** PKCE: whoever steals the code has no use for it. */
  readonly verifier: string;
  /** Of the ID token, where the trip is a sign-in. */
  readonly nonce?: string;
}

/** Of a user at an API. */
export interface Grant {
  readonly accessToken: string;
  /** Milliseconds since the epoch; absent when the server did not say. */
  readonly endsAt?: number;
  readonly refreshToken?: string;
}

export type AuthorizationServer = ReturnType<typeof authorizationServer>;

export interface ServerOptions extends OAuthClient {
  readonly redirectUri: string;
  readonly scope: string;
  /** Without endpoints they are discovered (OpenID Connect Discovery). */
  readonly endpoints?: Pick<oauth.AuthorizationServer, 'authorization_endpoint' | 'token_endpoint'>;
}

export function authorizationServer(options: ServerOptions) {
  const { issuer, clientId, clientSecret, redirectUri, scope, endpoints } = options;
  const client = { client_id: clientId };
  const authentication = oauth.ClientSecretBasic(clientSecret);
  const bounded = (url = issuer) => ({
    [oauth.customFetch]: boundedFetch,
    [oauth.allowInsecureRequests]: isLocal(url),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const given = endpoints && { issuer, ...endpoints };
  let discovered: oauth.AuthorizationServer | undefined;
  const metadata = async () => given ?? (discovered ??= await discover(issuer, bounded()));

  return {
    /** Where the browser goes. */
    async urlFor({ state, verifier, nonce }: Trip): Promise<URL> {
      const { authorization_endpoint: endpoint = '' } = await metadata();
      const url = new URL(endpoint);
      const parameters = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope,
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...(nonce !== undefined && { nonce }),
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url;
    },

    /** What the browser brought back, made into tokens. @throws whatever the server or the network did */
    async redeem(returned: URLSearchParams, { state, verifier, nonce }: Trip) {
      const server = await metadata();
      const checked = oauth.validateAuthResponse(server, client, returned, state);
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        authentication,
        checked,
        redirectUri,
        verifier,
        bounded(server.token_endpoint),
      );
      const answer = await oauth.processAuthorizationCodeResponse(server, client, response, {
        ...(nonce !== undefined && { expectedNonce: nonce, requireIdToken: true }),
      });
      return { grant: grantOf(answer), user: oauth.getValidatedIdTokenClaims(answer) };
    },

    /** @throws whatever the server or the network did */
    async renew(refreshToken: string): Promise<Grant> {
      const server = await metadata();
      const options = bounded(server.token_endpoint);
      const response = await oauth.refreshTokenGrantRequest(
        server,
        client,
        authentication,
        refreshToken,
        options,
      );
      const answer = await oauth.processRefreshTokenResponse(server, client, response);
      return { refreshToken, ...grantOf(answer) }; // the old one stays good where no new one comes
    },
  };
}

async function discover(issuer: string, options: oauth.DiscoveryRequestOptions) {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, options));
}

/** @throws for a kind of token that `Authorization: Bearer` does not take */
function grantOf(answer: oauth.TokenEndpointResponse): Grant {
  if (answer.token_type !== 'bearer') throw new Error('another kind of token');
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = answer;
  return {
    accessToken,
    ...(seconds !== undefined && { endsAt: Date.now() + seconds * 1000 }),
    ...(refreshToken !== undefined && { refreshToken }),
  };
}
