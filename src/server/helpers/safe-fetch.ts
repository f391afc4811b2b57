/**
 * Fetches a URL that a caller named, without becoming the caller's hand in our network (SSRF).
 *
 * - A host is resolved once, all its addresses must be public, and the connection goes to one of them: a second answer
 *   of the name server (DNS rebinding) is never asked for. Each redirect begins anew.
 * - One deadline for all of it, bodies included, and one limit for the body. Nothing is decompressed: we ask for plain
 *   bodies and refuse others, so a small answer cannot become a large one.
 * - Node's own `fetch` cannot be told where to connect, which is why this is built on `node:http`.
 */
import { lookup } from 'node:dns/promises';
import http, { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isExactHost } from '../exact-names.js';
import { ToolError } from '../mcp/definitions/tool.js';
import { orAbort } from './or-abort.js';
import { isReachable } from './reachable-address.js';
import { afterRedirect, type HttpRequest, type Method, requireFetchable } from './redirects.js';

export interface SafeFetchOptions {
  /** Default GET. */
  readonly method?: Method;
  /** Sent to the origin of the URL alone: a redirect to another one takes none of them along. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of the URL alone. */
  readonly body?: string | Uint8Array;
  /** A call's: `context.signal`. */
  readonly signal: AbortSignal;
  /** `host` or `host:port` as in the URL: these may have private and loopback addresses. Default none. */
  readonly allow?: readonly string[];
  /** All redirects and the body included. Default 10 seconds. */
  readonly timeoutMs?: number;
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  /** Default 5. */
  readonly maxRedirects?: number;
}

/** What this file decides, and Node. */
const OURS =
  /^(?:host|connection|keep-alive|te|trailer|transfer-encoding|content-length|upgrade|expect|accept-encoding|proxy-.*)$/i;
const WITHOUT_BODY = [204, 205, 304];

/**
 * Any status is a result, with its body read. What goes wrong on the way is a {@link ToolError} without the URL; a host
 * that is not public looks like one that does not answer, or a caller could map our network by the difference.
 *
 * @throws the reason of the signal
 * @throws {TypeError} for options that cannot be sent
 */
export async function safeFetch(target: string | URL, options: SafeFetchOptions): Promise<Response> {
  requireSendable(options);
  const { method = 'GET', headers = {}, body, signal, timeoutMs = 10_000, maxRedirects = 5 } = options;
  const url = URL.canParse(String(target)) ? new URL(target) : undefined;
  let request: HttpRequest = { url: requireFetchable(url), method, headers, body };
  const deadline = AbortSignal.timeout(timeoutMs);
  const end = AbortSignal.any([signal, deadline]);
  try {
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const answer = await send(request, options.allow ?? [], end);
      const next = afterRedirect(request, answer);
      if (!next) return await readResponse(request, answer, options.maxBytes ?? 1024 * 1024);
      answer.destroy();
      request = next;
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof ToolError) throw cause;
    throw new ToolError(deadline.aborted ? 'The URL took too long to answer' : UNREACHABLE, { cause });
  }
  throw new ToolError('The URL redirects too often');
}

const UNREACHABLE = 'The host of the URL cannot be reached';

function requireSendable({ headers = {}, allow = [] }: SafeFetchOptions): void {
  if (!allow.every(isExactHost)) throw new TypeError('allow takes host or host:port, in lower case');
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value); // its error has no value
    if (OURS.test(name)) throw new TypeError(`safeFetch sets the header ${name} itself`);
  }
}

async function send(
  { url, method, headers, body }: HttpRequest,
  allow: readonly string[],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const addresses = await addressesOf(url, allow.includes(url.host), signal);
  const resolved: LookupFunction = (_hostname, { all }, callback) => {
    if (all) return callback(null, addresses);
    callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
  };
  const { request } = url.protocol === 'https:' ? https : http;
  const req = request(url, {
    method,
    headers: { ...headers, 'Accept-Encoding': 'identity' },
    lookup: resolved,
    agent: false, // no connection that another request opened
    signal,
  });
  req.end(body);
  return new Promise((resolve, reject) => {
    req.once('response', resolve).on('error', reject); // after the answer its body has the error too
    req.once('close', () => reject(new Error('no answer'))); // without an error after 101
  });
}

/** Each of them must be reachable: a name with a public and a private address is an attempt. */
async function addressesOf(url: URL, isInternal: boolean, signal: AbortSignal) {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(host);
  const addresses =
    family === 0 ? await orAbort(lookup(host, { all: true }), signal) : [{ address: host, family }];
  if (!addresses.every(({ address }) => isReachable(address, isInternal))) throw new ToolError(UNREACHABLE);
  return addresses;
}

async function readResponse(
  { url, method }: HttpRequest,
  answer: IncomingMessage,
  maxBytes: number,
): Promise<Response> {
  const { statusCode: status = 0, statusMessage: statusText = '', headersDistinct } = answer;
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  if (method !== 'HEAD' && encoding !== 'identity') {
    answer.destroy();
    throw new ToolError('The URL answered with a compressed body, which was not asked for');
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ToolError(`The URL answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const headers = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const body = WITHOUT_BODY.includes(status) ? null : Buffer.concat(chunks);
  return Object.defineProperty(new Response(body, { status, statusText, headers }), 'url', {
    value: url.href,
  });
}
