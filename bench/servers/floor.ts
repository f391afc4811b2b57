/** Bare `node:http`: the least that Node needs to answer the same bytes. */
import { listen } from './http.js';
import type { BenchServer, ServerOptions } from './options.js';

export async function startFloor({ body = '' }: ServerOptions): Promise<BenchServer> {
  const bytes = Buffer.from(body);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': bytes.length };
  const port = await listen((req, res) => {
    req.on('end', () => res.writeHead(200, headers).end(bytes)).resume();
  });
  return { port };
}

/** The bare stream that the memory of an open one is compared with. */
export async function startStream(): Promise<BenchServer> {
  const port = await listen((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': open\n\n');
  });
  return { port };
}
