/** `fetch` with what the built-in one cannot choose: whom to trust, and from which address of this machine. */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type IncomingHttpHeaders as Http2Headers } from 'node:http2';
import { type Agent, request } from 'node:https';
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

/** Each request on a connection of its own, unless there is an agent. */
export function httpsFetch(ca: string, localAddress?: string, agent: Agent | false = false): Fetch {
  return (url, { body, ...options }) =>
    new Promise((resolve, reject) => {
      const { hostname: servername } = new URL(url); // not that of a `Host` that claims another
      const own = { ca, servername, family: 4, agent, ...(localAddress && { localAddress }) };
      const req = request(url, { ...options, ...own }, (res) => {
        const { statusCode: status = 0 } = res;
        const init = { status, headers: pairs(res.headers) };
        resolve(new Response(status === 204 ? null : (Readable.toWeb(res) as ReadableStream), init));
      });
      req.on('error', reject).end(body);
    });
}

/** As `httpsFetch`, by HTTP/2, which a client leaves by a frame and not by its connection. */
export function http2Fetch(ca: string): Fetch {
  return async (url, { method, headers, body, signal }) => {
    const { hostname: servername, host, port, pathname } = new URL(url);
    const session = connect(`https://127.0.0.1:${port}`, { ca, servername });
    const options = { endStream: body === undefined, ...(signal && { signal }) };
    const pseudo = { ':method': method, ':path': pathname, ':authority': host };
    const stream = session.request({ ...pseudo, ...headers }, options);
    stream.once('close', () => session.close());
    if (body !== undefined) stream.end(body);
    const [answered] = (await once(stream, 'response')) as [Http2Headers];
    const { ':status': status = 0, ...rest } = answered;
    return new Response(Readable.toWeb(stream) as ReadableStream, {
      status: Number(status),
      headers: pairs(rest),
    });
  };
}

const pairs = (headers: IncomingHttpHeaders): [string, string][] =>
  Object.entries(headers).map(([name, value]) => [name, String(value)]);
