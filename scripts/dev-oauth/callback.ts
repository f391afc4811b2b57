/** Receives the browser's redirect on loopback (RFC 8252 §7.3). */
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Callback {
  readonly uri: string;
  /** The code of the next redirect with this state. */
  next(state: string): Promise<string>;
  close(): Promise<void>;
}

export async function startCallback(): Promise<Callback> {
  const arrivals = new EventEmitter();
  const server = createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://127.0.0.1');
    if (pathname !== '/callback') return void res.writeHead(404).end();
    res.setHeader('Content-Type', 'text/plain').end('Go back to the terminal.');
    arrivals.emit(searchParams.get('state') ?? '', searchParams);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`,
    async next(state) {
      const [answer] = (await once(arrivals, state)) as [URLSearchParams];
      const code = answer.get('code');
      if (code === null) throw new Error(`not authorized: ${answer.get('error') ?? 'no code'}`);
      return code;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
