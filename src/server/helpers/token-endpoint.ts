/** Asks an authorization server for a token that is ours: within bounds, and without a word of it in an error. */
import * as oauth from 'oauth4webapi';
import { isLoopback, parseUrl } from '../exact-names.js';

export interface TokenOptions {
  /** Token endpoint of the authorization server: https, http only on loopback. */
  readonly tokenUrl: string;
  /** Our client there. */
  readonly clientId: string;
  readonly clientSecret: string;
  /** The narrowest that will do, separated by spaces. */
  readonly scope: string;
  /** What the token is for: by its URL (RFC 8707)… */
  readonly resource?: string;
  /** …or by the name that the authorization server gave it. */
  readonly audience?: string;
}

export interface Token {
  readonly accessToken: string;
  /** Milliseconds since the epoch; 0 when the server did not say. */
  readonly endsAt: number;
}

type Parameters = Readonly<Record<string, string>>;

export const TIMEOUT_MS = 10_000;
const MAX_BYTES = 64 * 1024;
/** RFC 6749 §5.2, RFC 8707 §2. Any other word of an error may quote what we sent. */
const REASONS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
];
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** @throws {TypeError} for an endpoint where anyone on the path could read the secret */
export function tokenEndpoint(options: TokenOptions) {
  const { tokenUrl, clientId, clientSecret, scope, resource, audience } = options;
  const url = parseUrl(tokenUrl);
  const isLocal = url?.protocol === 'http:' && isLoopback(url.hostname);
  if (!url || (url.protocol !== 'https:' && !isLocal) || url.username !== '' || url.password !== '')
    throw new TypeError('tokenUrl must be https (http only on loopback), without user or password');
  const server = { issuer: url.origin, token_endpoint: url.href };
  const client = { client_id: clientId };
  const common = {
    scope,
    ...(resource !== undefined && { resource }),
    ...(audience !== undefined && { audience }),
  };

  /** @throws {Error} that may be logged */
  return async function requestToken(grantType: string, parameters: Parameters): Promise<Token> {
    try {
      const response = await oauth.genericTokenEndpointRequest(
        server,
        client,
        oauth.ClientSecretBasic(clientSecret),
        grantType,
        { ...common, ...parameters },
        {
          [oauth.customFetch]: boundedFetch,
          [oauth.allowInsecureRequests]: isLocal,
          signal: AbortSignal.timeout(TIMEOUT_MS),
        },
      );
      const answer = await oauth.processGenericTokenEndpointResponse(server, client, response);
      const { issued_token_type: issued = ACCESS_TOKEN } = answer;
      if (answer.token_type !== 'bearer' || issued !== ACCESS_TOKEN) throw new Error('another kind of token');
      const seconds = answer.expires_in;
      return {
        accessToken: answer.access_token,
        endsAt: seconds === undefined ? 0 : Date.now() + seconds * 1000,
      };
    } catch (error) {
      throw new Error(`No token from ${url.host}: ${reasonOf(error)}`);
    }
  };
}

/** Redirects are not followed, since `redirect` is manual: they would lead past the check of the URL. */
export async function boundedFetch(url: string, options: oauth.CustomFetchOptions<string, unknown>) {
  const response = await fetch(url, options as RequestInit);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error('too large');
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), response);
}

/** Why there is no token, without a word of the answer. */
export function reasonOf(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError && REASONS.includes(error.error)) return error.error;
  if (error instanceof oauth.WWWAuthenticateChallengeError) return 'invalid_client';
  const { name } = error as Error;
  return name === 'TimeoutError' ? 'it took too long' : 'no usable answer';
}
