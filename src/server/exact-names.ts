/** Hosts, origins, scopes and paths in the one exact spelling that configuration accepts and the guards compare. */
import { isIPv4 } from 'node:net';

/** The endpoints of HTTP+SSE, served only with `LEGACY_SSE`. */
export const SSE_PATHS = { stream: '/sse', messages: '/messages' };

/** RFC 6749 §3.3, `scope-token`: visible ASCII without quotes and backslash. */
export const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Whether only this machine can reach a bind address or the host name of a URL. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || (isIPv4(host) && host.startsWith('127.'));
}

/** Accepts only names that URL parsing leaves unchanged, so never `127.1`, `2130706433` or user info. */
export function isHostname(text: string): boolean {
  const written = /^(\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9._-]*)$/.test(text);
  return written && parseUrl(`http://${text}`)?.hostname === text;
}

/** `host[:port]` as clients send it in `Host`. */
export function isExactHost(text: string): boolean {
  const [, name = '', port] = /^(.*?)(?::([1-9]\d{0,4}))?$/.exec(text) ?? [];
  return isHostname(name) && Number(port ?? 0) <= 65_535;
}

/**
 * The text that a browser sends in `Origin`. `URL` cannot compute it for the schemes of extensions, webviews and desktop
 * shells: for those, only `scheme://host` with a plain host and without wildcards passes.
 */
export function isExactOrigin(text: string): boolean {
  const url = parseUrl(text);
  if (!url || url.protocol === 'file:') return false;
  if (/^(?:https?|ftp|wss?):$/.test(url.protocol)) return /^https?:/.test(text) && url.origin === text;
  return /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?::[1-9]\d{0,4})?$/i.test(text);
}

export function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
