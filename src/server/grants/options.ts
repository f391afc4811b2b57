/** What `main.ts` says of the accounts that users connect, and which of it is safe. */
import { isLoopback, parseUrl } from '../exact-names.js';

/** Our client at an authorization server. */
export interface OAuthClient {
  /** As the server writes it in its metadata, and in `iss` of its answers. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface GrantedApi extends OAuthClient {
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  /** The narrowest that will do, separated by spaces. */
  readonly scope: string;
}

export interface GrantOptions {
  /** At the issuer of the callers' tokens (OpenID Connect): signs in whoever opens a link that a caller was given. */
  readonly signIn: OAuthClient;
  /** By the names that tools use, in lower case. */
  readonly apis: Readonly<Record<string, GrantedApi>>;
}

/** @throws {TypeError} for a name or a URL that is not safe */
export function requireSafeOptions({ signIn, apis }: GrantOptions): void {
  const all = Object.entries(apis);
  const wrong = all.find(([name]) => !/^[a-z][a-z0-9-]{0,39}$/.test(name));
  if (wrong) throw new TypeError('grants: the name of an API has lower-case letters, digits and hyphens');
  requirePrivate('signIn.issuer', signIn.issuer);
  for (const [name, { authorizationUrl, tokenUrl }] of all) {
    requirePrivate(`${name}.authorizationUrl`, authorizationUrl);
    requirePrivate(`${name}.tokenUrl`, tokenUrl);
  }
}

/** Whether an answer may come without TLS: from this machine. */
export function isLocal(text: string): boolean {
  const url = parseUrl(text);
  return url?.protocol === 'http:' && isLoopback(url.hostname);
}

function requirePrivate(what: string, text: string): void {
  const url = parseUrl(text);
  const isPrivate = url?.protocol === 'https:' || isLocal(text);
  if (!isPrivate || url?.username !== '' || url.password !== '')
    throw new TypeError(`grants: ${what} must be https (http only on loopback), without user or password`);
}
