/** Asks an authorization server about a token (RFC 7662), as a client of it. */
import { importJWK, type JWK, type JWTPayload } from 'jose';
import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  customFetch,
  introspectionRequest,
  PrivateKeyJwt,
  processIntrospectionResponse,
} from 'oauth4webapi';
import { ASYMMETRIC } from './algorithms.js';
import { isFetchable, readText } from './fetch-keys.js';

export interface IntrospectionEndpoint {
  readonly url: URL;
  /** Audience of an assertion that the private key signs. */
  readonly issuer: string;
  readonly clientId: string;
  /** A client secret, or a private key as a JWK: then `private_key_jwt` (RFC 7523). */
  readonly clientSecret: string;
}

/**
 * What the authorization server says of a token. Rejects where it says nothing that can be understood.
 * @param signal bounds the time, including the body
 */
export type Ask = (token: string, signal: AbortSignal) => Promise<JWTPayload>;

/** @throws {TypeError} for an unsafe URL or an unusable key */
export async function introspectionEndpoint(endpoint: IntrospectionEndpoint): Promise<Ask> {
  const { url, issuer, clientId, clientSecret } = endpoint;
  if (!isFetchable(url, true))
    throw new TypeError('must be https (http only on loopback), without user or password');
  const server = { issuer, introspection_endpoint: url.href };
  const client = { client_id: clientId };
  const authentication = await clientAuthentication(clientSecret);

  return async function ask(token, signal) {
    const response = await introspectionRequest(server, client, authentication, token, {
      additionalParameters: { token_type_hint: 'access_token' },
      signal,
      [allowInsecureRequests]: url.protocol === 'http:',
      [customFetch]: fetchBounded,
    });
    return { ...(await processIntrospectionResponse(server, client, response)) };
  };
}

/** The library asks not to follow redirects; a signed answer (RFC 9701) is no JSON, and nobody would check its signature. */
async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  try {
    const { status } = response;
    if (status !== 200) throw new Error(`the endpoint answered ${status}`);
    const type = response.headers.get('content-type') ?? '';
    if (!/^application\/json\s*(?:;|$)/i.test(type)) throw new Error('the endpoint did not answer with JSON');
    const text = await readText(response, new URL(url));
    return new Response(JSON.stringify(parse(text, 'the endpoint did not answer with JSON')));
  } finally {
    await response.body?.cancel().catch(() => {});
  }
}

async function clientAuthentication(secret: string): Promise<ClientAuth> {
  if (!secret.startsWith('{')) return ClientSecretBasic(secret);
  const jwk = parse(secret, 'begins like a JWK, but is not JSON') as JWK;
  if (!ASYMMETRIC.includes(jwk.alg ?? '')) throw new TypeError('a private key needs "alg", such as ES256');
  const key = await importJWK(jwk).catch(() => new Uint8Array());
  if (key instanceof Uint8Array || key.type !== 'private')
    throw new TypeError('is a JWK, but no private key for its "alg"');
  return PrivateKeyJwt(jwk.kid === undefined ? key : { key, kid: jwk.kid });
}

/** Hides the message of `JSON.parse`, which quotes the text: a secret, or an answer that repeats the token. */
function parse(text: string, problem: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError(problem);
  }
}
