import { fetchJson, isFetchable } from './bounded-fetch.js';

/**
 * Where an issuer publishes its keys, by its metadata document.
 *
 * @throws when no document of this issuer names a key set we may fetch
 */
export async function discoverJwksUrl(issuer: string, signal: AbortSignal): Promise<URL> {
  const problems: string[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      return jwksUrlOf(await fetchJson(url, signal), issuer);
    } catch (error) {
      problems.push(`${url.href}: ${describe(error)}`);
    }
  }
  throw new Error(`no metadata: ${problems.join('; ')}`);
}

/** In the order MCP gives (2025-11-25, authorization server metadata discovery). */
function metadataUrls(issuer: string): readonly URL[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const urls = [
    `${origin}/.well-known/oauth-authorization-server${path}`, // RFC 8414 §3.1
    `${origin}/.well-known/openid-configuration${path}`, // RFC 8414 §5
    `${origin}${path}/.well-known/openid-configuration`, // OpenID Connect Discovery §4.1
  ];
  return [...new Set(urls)].map((url) => new URL(url));
}

/** RFC 8414 §3.3: metadata whose issuer is not exactly the one asked for must not be used. */
function jwksUrlOf(metadata: unknown, issuer: string): URL {
  const { issuer: named, jwks_uri: jwksUri } = Object(metadata) as Record<string, unknown>;
  if (named !== issuer) throw new Error('names another issuer');
  if (typeof jwksUri !== 'string' || !URL.canParse(jwksUri)) throw new Error('has no jwks_uri');
  const url = new URL(jwksUri);
  // A remote issuer may not send us to our own loopback, nor down to http.
  if (!isFetchable(url, { allowHttp: issuer.startsWith('http:') }))
    throw new Error('its jwks_uri must be https');
  return url;
}

/** `fetch` hides the reason in the cause. */
export function describe(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
