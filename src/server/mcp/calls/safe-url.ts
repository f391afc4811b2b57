/**
 * To which URLs an `ask` may send a user (MCP 2025-11-25, elicitation, safe URL handling). A client shows the URL before it
 * opens it, and may be malicious: the URL must name a host that the operator knows, and must give nobody anything.
 */
import type { Caller } from '../../identity/caller.js';
import { isExactHost, isLoopback, parseUrl } from '../../exact-names.js';

export interface UrlRules {
  readonly hosts: ReadonlySet<string>;
  /** http is for development, and for this machine alone. */
  readonly takesHttp: boolean;
}

/** @throws {TypeError} when a listed host is not `host[:port]` */
export function urlRules(listed: readonly string[] = [], publicUrl: URL, isProduction: boolean): UrlRules {
  const wrong = listed.find((host) => !isExactHost(host));
  if (wrong !== undefined) throw new TypeError(`urlHosts: "${wrong}" is not host[:port] in lower case`);
  return { hosts: new Set([publicUrl.host, ...listed]), takesHttp: !isProduction };
}

/** Parameters that carry a credential or stand for one, as OAuth 2.0 and common APIs name them. */
const CREDENTIAL =
  /^(?:.*_?token|.*password|.*secret|assertion|code|api_?key|key|sid|session_?id|sig|signature)$/i;
/** A JWT, or an API key of this server. */
const CREDENTIAL_VALUE = /^(?:eyJ[\w-]+\.[\w-]+\.[\w-]*|mcp_[a-z0-9]+_\w+)$/i;
const EMAIL = /[^\s@/]+@[^\s@/]+\.[^\s@/]+/;

/** @throws {TypeError} naming the rule, without the URL: it may contain what must not be told */
export function requireSafeUrl(text: string, { subject }: Caller, { hosts, takesHttp }: UrlRules): void {
  const refuse = (rule: string) => new TypeError(`the URL of an ask ${rule}`);
  const url = parseUrl(text);
  // The user examines the text, the browser opens what it makes of it: the two must be one.
  if (url?.href !== text) throw refuse('must be written as URL.href writes it');
  const isLocal = takesHttp && url.protocol === 'http:' && isLoopback(url.hostname);
  if (url.protocol !== 'https:' && !isLocal)
    throw refuse('must be https (http on a loopback host, in development)');
  if (url.username !== '' || url.password !== '') throw refuse('must not contain user information');
  if (!hosts.has(url.host)) throw refuse('must be on the host of PUBLIC_URL or one of urlHosts');

  const parameters = [...url.searchParams, ...new URLSearchParams(url.hash.slice(1))];
  if (parameters.some(([name]) => CREDENTIAL.test(name)))
    throw refuse('must not have a parameter for a credential');
  const segments = url.pathname.split('/').map(decoded);
  const values = [...segments, decoded(url.hash.slice(1)), ...parameters.flat()];
  if (values.some((value) => CREDENTIAL_VALUE.test(value))) throw refuse('must not contain a credential');
  if (values.some((value) => value === subject || EMAIL.test(value))) throw refuse('must not name the user');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone percent sign
  }
}
