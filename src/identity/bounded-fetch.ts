/** Longest answer read: a key set or metadata document is a few kilobytes. */
const MAX_BYTES = 512 * 1024;

/**
 * Whether keys may be fetched from here. Without TLS anyone on the path could hand us their own key; on loopback
 * there is no path.
 */
export function isFetchable(url: URL, { allowHttp }: { readonly allowHttp: boolean }): boolean {
  const secure = url.protocol === 'https:' || (allowHttp && url.protocol === 'http:' && isLoopback(url));
  return secure && url.username === '' && url.password === '';
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * The JSON at a URL, without following redirects: they would lead past {@link isFetchable}.
 *
 * @param signal bounds the time, body included
 */
export async function fetchJson(url: URL, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { redirect: 'manual', signal, headers: { Accept: 'application/json' } });
  try {
    if (response.status !== 200) throw new Error(`${url.href} answered ${response.status}`);
    return JSON.parse(await readText(response, url)) as unknown;
  } finally {
    await response.body?.cancel().catch(() => {});
  }
}

/** Counts what arrives, after decompression: `Content-Length` may be absent or false. */
async function readText(response: Response, url: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`${url.href} answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
