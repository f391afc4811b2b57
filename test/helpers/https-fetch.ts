/** `fetch` with what the built-in one cannot choose: whom to trust, and from which address of this machine. */
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { Readable } from 'node:stream';

/** As much of `fetch` as the clients of the tests need. */
export type Fetch = (
  url: string,
  options: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly signal?: AbortSignal;
  },
) => Promise<Response>;

/** Each request on a connection of its own. */
export function httpsFetch(ca: string, localAddress?: string): Fetch {
  return (url, { body, ...options }) =>
    new Promise((resolve, reject) => {
      const { hostname: servername } = new URL(url); // not that of a `Host` that claims another
      const own = { ca, servername, family: 4, agent: false, ...(localAddress && { localAddress }) };
      const req = request(url, { ...options, ...own }, (res) => {
        const { statusCode: status = 0 } = res;
        const init = { status, headers: pairs(res.headers) };
        resolve(new Response(status === 204 ? null : (Readable.toWeb(res) as ReadableStream), init));
      });
      req.on('error', reject).end(body);
    });
}

const pairs = (headers: IncomingHttpHeaders): [string, string][] =>
  Object.entries(headers).map(([name, value]) => [name, String(value)]);
