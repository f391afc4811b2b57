/**
 * Adds a credential to each request, which the suite cannot do, and passes everything else as it came: the raw headers
 * with their case and order, `Host` and `Origin` included, so that a refusal comes from the server's own checks.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CredentialProxy {
  readonly port: number;
  /** Where requests go, each to the next one in turn, and with which credential from now on. */
  forward(to: readonly URL[], credential: string | undefined): void;
  /** How often the server has answered with each status since `forward`. */
  statuses(): ReadonlyMap<number, number>;
  close(): Promise<void>;
}

export async function startCredentialProxy(): Promise<CredentialProxy> {
  const agent = new http.Agent({ keepAlive: true });
  let targets: readonly URL[] = [];
  let turn = 0;
  let added: string[] = [];
  let counted = new Map<number, number>();

  const proxy = http.createServer((req, res) => {
    const target = targets[turn++ % targets.length];
    const request = http.request({
      agent,
      hostname: target?.hostname,
      port: target?.port,
      method: req.method,
      path: req.url,
      setHost: false,
      headers: [...req.rawHeaders, ...added] as unknown as http.OutgoingHttpHeaders, // flat, as documented since Node 22
    });
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      counted.set(status, (counted.get(status) ?? 0) + 1);
      res.writeHead(status, response.rawHeaders).flushHeaders();
      response.pipe(res);
      response.on('error', () => res.destroy());
    });
    request.on('error', () => res.destroy());
    res.on('close', () => request.destroy()); // a client that hangs up must be seen to hang up
    req.pipe(request);
  });
  proxy.listen(0, 'localhost');
  await once(proxy, 'listening');

  return {
    port: (proxy.address() as AddressInfo).port,
    forward: (to, credential) => {
      targets = to;
      added = credential === undefined ? [] : ['Authorization', `Bearer ${credential}`];
      counted = new Map();
    },
    statuses: () => counted,
    close: async () => {
      proxy.close();
      proxy.closeAllConnections();
      agent.destroy();
      await once(proxy, 'close');
    },
  };
}
