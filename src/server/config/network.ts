/** Parses hosts, origins, URLs and address ranges. Each has one accepted spelling, the one that the guards compare. */
import { BlockList, isIP } from 'node:net';
import { isExactHost, isExactOrigin, isHostname, isLoopback, parseUrl } from '../exact-names.js';
import { parsed } from './values.js';

/** An address to listen on; IPv6 without brackets, as `server.listen` wants it. */
export const bindAddress = parsed(
  (text) => (isIP(text) || (isHostname(text) && !text.startsWith('[')) ? text : undefined),
  'must be an IP address (IPv6 without brackets) or a host name, without a port',
);

export function parseHost(text: string): string | undefined {
  const host = text.toLowerCase();
  return isExactHost(host) ? host : undefined;
}

export function parseOrigin(text: string): string | undefined {
  return isExactOrigin(text) ? text : undefined;
}

/** An absolute http or https URL without credentials or fragment. */
function parseWebUrl(text: string): URL | undefined {
  const url = parseUrl(text);
  return url && /^https?:$/.test(url.protocol) && !/[#@\s\\]/.test(text) ? url : undefined;
}

/** The path becomes a route, so it must not look like a pattern to the router. No query: RFC 8707 §2. */
function parsePublicUrl(text: string): PublicUrl | undefined {
  const url = parseWebUrl(text);
  const isPlain = url && !text.includes('?') && /^\/$|^(\/[\w.~-]+)+$/.test(url.pathname);
  return isPlain && !url.pathname.startsWith('/.well-known') ? asWritten(text) : undefined;
}

/** The URL of this server, and its text: `https://host` and `https://host/` are one URL, but two resource URIs. */
export type PublicUrl = URL & { readonly written: string };

export function asWritten(text: string): PublicUrl {
  return Object.assign(new URL(text), { written: text });
}

export const publicUrl = parsed(
  parsePublicUrl,
  'must be an http(s) URL with a plain path, without user, query, fragment or trailing slash',
);

/** Kept as text; all of one scheme, since one set of options is good for all. */
function parseRedisUrls(text: string): string | undefined {
  const schemes = text.split(',').map((url) => parseUrl(url)?.protocol ?? '');
  return /^rediss?:$/.test(schemes[0] ?? '') && new Set(schemes).size === 1 ? text : undefined;
}

export const redisUrl = parsed(
  parseRedisUrls,
  'must be a redis:// or rediss:// URL, or a comma list of URLs of one scheme',
);

/** Over plain http an attacker on the network could replace the keys, so only loopback may use it. */
function parseKeySetUrl(text: string): URL | undefined {
  const url = parseWebUrl(text);
  return url && (url.protocol === 'https:' || isLoopback(url.hostname)) ? url : undefined;
}

export const keySetUrl = parsed(
  parseKeySetUrl,
  'must be https, or http on loopback, without user or fragment',
);

/** Kept as written: `iss` is compared as a plain string. No query: RFC 8414 §2. */
export function parseIssuer(text: string): string | undefined {
  return parseKeySetUrl(text) && !text.includes('?') ? text : undefined;
}

const IPV4_MAPPED = new BlockList();
IPV4_MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/** A peer in the range may claim any client address, so ranges of nearly everyone, and IPv4 in disguise, are refused. */
export function parseProxyRange(text: string): string | undefined {
  const [, address = '', digits] = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  const prefix = Number(digits);
  if (family === 4) return prefix >= 8 && prefix <= 32 ? text : undefined;
  if (family !== 6 || prefix < 7 || prefix > 128 || IPV4_MAPPED.check(address, 'ipv6')) return undefined;
  const range = new BlockList();
  range.addSubnet(address, prefix, 'ipv6');
  return range.check('0.0.0.0', 'ipv4') ? undefined : text;
}
