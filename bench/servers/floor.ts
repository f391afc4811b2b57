/** Bare `node:http`: the least that Node needs to answer the same bytes. */
import { eraOf } from '../requests.js';
import { listen } from './http.js';
import type { BenchServer, ServerOptions } from './options.js';

export async function startFloor({ bodies }: ServerOptions): Promise<BenchServer> {
  const answers = { '2025': answerOf(bodies?.['2025']), '2026': answerOf(bodies?.['2026']) };
  const port = await listen((req, res) => {
    const { headers, bytes } = answers[eraOf(req.headers)];
    req.on('end', () => res.writeHead(200, headers).end(bytes)).resume();
  });
  return { port };
}

function answerOf(body = '') {
  const bytes = Buffer.from(body);
  return { bytes, headers: { 'Content-Type': 'application/json', 'Content-Length': bytes.length } };
}

/** The bare stream that the memory of an open one is compared with. */
export async function startStream(): Promise<BenchServer> {
  const port = await listen((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': open\n\n');
  });
  return { port };
}
