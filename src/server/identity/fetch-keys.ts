/** Finds an issuer's public keys by its metadata and fetches them within bounds. */
import type { JSONWebKeySet } from 'jose';
import { isLoopback } from '../exact-names.js';

/** Longest answer that we read: key sets and metadata have a few kilobytes. */
const MAX_BYTES = 512 * 1024;

/**
 * @param jwksUrl instead of discovery
 * @param signal bounds the time, including bodies
 */
export async function fetchKeySet(issuer: string, jwksUrl: URL | undefined, signal: AbortSignal) {
  return (await fetchJson(jwksUrl ?? (await discover(issuer, signal)), signal)) as JSONWebKeySet;
}

/** @throws when no document of this issuer names a key set we may fetch */
async function discover(issuer: string, signal: AbortSignal): Promise<URL> {
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

/** In the order of MCP 2025-11-25, authorization server metadata discovery. */
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
  // A remote issuer must not send us to our own loopback or to http.
  if (!isFetchable(url, issuer.startsWith('http:'))) throw new Error('its jwks_uri must be https');
  return url;
}

/**
 * Whether keys may be fetched from a URL. Without TLS, an attacker on the path could give us keys of their own; loopback has
 * no path.
 */
export function isFetchable(url: URL, allowHttp: boolean): boolean {
  const secure =
    url.protocol === 'https:' || (allowHttp && url.protocol === 'http:' && isLoopback(url.hostname));
  return secure && url.username === '' && url.password === '';
}

/** Redirects are not followed: they would lead past {@link isFetchable}. */
async function fetchJson(url: URL, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { redirect: 'manual', signal, headers: { Accept: 'application/json' } });
  try {
    if (response.status !== 200) throw new Error(`${url.href} answered ${response.status}`);
    return JSON.parse(await readText(response, url)) as unknown;
  } finally {
    await response.body?.cancel().catch(() => {});
  }
}

/** Counts what arrives, after decompression: `Content-Length` may be absent or false. */
export async function readText(response: Response, url: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`${url.href} answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The reason why a `fetch` failed is in `cause`. */
export function describe(error: unknown): string {
  const { message, cause } = error as Error;
  if (!(cause instanceof Error)) return message;
  const { code = '' } = cause as NodeJS.ErrnoException;
  const fix = UNTRUSTED.test(code) ? ': name its authority in NODE_EXTRA_CA_CERTS' : '';
  return `${message} (${cause.message}${fix})`;
}

const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE)/;
