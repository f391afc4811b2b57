/** Classic HTTP streaming, without MCP: `GET /stream` answers with five messages, a second apart. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const MESSAGES = 5;
const PAUSE_MS = 1000;

type Pause = (signal: AbortSignal) => Promise<unknown>;

export interface ClassicServer {
  readonly url: URL;
  close(): Promise<void>;
}

/** On loopback only: nothing here asks who is calling. */
export async function startClassicServer(port: number, pause: Pause = pauseASecond): Promise<ClassicServer> {
  const server = createServer((req, res) => void answer(req, res, pause));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/stream`),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, pause: Pause): Promise<void> {
  if (req.url !== '/stream') return void res.writeHead(404).end();
  if (req.method !== 'GET') return void res.writeHead(405, { Allow: 'GET' }).end();
  const left = new AbortController();
  res.once('close', () => left.abort());
  // Proxies that compress or collect the answer would hold every message until the last.
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform' });
  for (let number = 1; number <= MESSAGES && !left.signal.aborted; number++) {
    if (number > 1) await pause(left.signal);
    res.write(`data: Message ${number}/${MESSAGES}\n\n`);
  }
  res.end();
}

/** Ends early when the client has gone. */
const pauseASecond: Pause = (signal) => delay(PAUSE_MS, undefined, { signal }).catch(() => {});

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await startClassicServer(Number(process.argv[2] ?? 3001));
  process.stdout.write(`Streaming on ${url.href}\n`);
}
