/** What follows a redirect, and what it may take along. */
import type { IncomingMessage } from 'node:http';
import { ToolError } from '../mcp/definitions/tool.js';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpRequest {
  readonly url: URL;
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

const REDIRECTS = [301, 302, 303, 307, 308];
/** Any other header may be a credential. */
const HARMLESS = /^(?:accept|accept-language|user-agent)$/i;

/** @throws {ToolError} for another scheme, and for user names and passwords in the URL */
export function requireFetchable(url: URL | undefined): URL {
  if (!url || !/^https?:$/.test(url.protocol)) throw new ToolError('The URL is not an http or https URL');
  if (url.username !== '' || url.password !== '')
    throw new ToolError('The URL has a user name or a password');
  return url;
}

/**
 * @returns nothing when the answer is no redirect
 * @throws {ToolError} when its target must not be asked
 */
export function afterRedirect(request: HttpRequest, answer: IncomingMessage): HttpRequest | undefined {
  const { statusCode = 0, headers } = answer;
  const { location } = headers;
  if (!REDIRECTS.includes(statusCode) || location === undefined) return undefined;
  const url = requireFetchable(
    URL.canParse(location, request.url.href) ? new URL(location, request.url) : undefined,
  );
  const next = { ...request, url, ...(becomesGet(request.method, statusCode) && TO_GET) };
  if (url.origin === request.url.origin) return next;
  if (next.body !== undefined) throw new ToolError('The URL redirects what was sent to another server');
  const kept = Object.entries(request.headers).filter(([name]) => HARMLESS.test(name));
  return { ...next, headers: Object.fromEntries(kept) };
}

const TO_GET = { method: 'GET', body: undefined } as const;

/** As browsers do (Fetch standard, HTTP-redirect fetch, step 12). */
function becomesGet(method: Method, status: number): boolean {
  if (status === 303) return method !== 'HEAD';
  return method === 'POST' && (status === 301 || status === 302);
}
