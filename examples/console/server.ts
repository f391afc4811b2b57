/** Serves the built page on an origin of its own, under a policy that lets it reach the servers it is for. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('dist/', import.meta.url));

export interface ConsoleOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Asked for each page, so that a server may be started after this one and allow its origin. */
  readonly target: () => ConsoleTarget;
}

export interface ConsoleTarget {
  /** The MCP endpoint that the page proposes. */
  readonly url: string;
  /** What the page may connect to besides: the origins of authorization servers. */
  readonly issuers?: readonly string[];
  /** A stream to compare with. The page reads it on its own origin: the plain example answers no other. */
  readonly classicUrl?: string;
}

export interface ServedConsole {
  readonly origin: string;
  close(): Promise<void>;
}

/** @throws when the page was not built, or the port is taken */
export async function serveConsole({ port, target }: ConsoleOptions): Promise<ServedConsole> {
  const files = readBuilt();
  const server = http.createServer((req, res) => {
    const path = req.url === '/' ? '/index.html' : (req.url ?? '');
    const { url, classicUrl, issuers = [] } = target();
    const file = files.get(path.replace(/\?.*/, ''));
    res.setHeaders(new Map(Object.entries(headers([url, ...issuers]))));
    if (req.method !== 'GET') res.writeHead(405, { Allow: 'GET' }).end();
    else if (path === '/settings.json') answer(res, '.json', settings(url, classicUrl));
    else if (path === '/stream' && classicUrl !== undefined) passOn(classicUrl, res);
    else if (file) answer(res, extname(path.replace(/\?.*/, '')), file);
    else res.writeHead(404).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** All of it, read once: no path of a request ever reaches the file system. */
function readBuilt(): ReadonlyMap<string, Buffer> {
  const entries = readdirSync(BUILT, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    paths.map((path) => [`/${path.slice(BUILT.length).replaceAll('\\', '/')}`, readFileSync(path)]),
  );
}

function settings(url: string, classicUrl: string | undefined): string {
  return JSON.stringify({ url, ...(classicUrl && { classicUrl: '/stream' }) });
}

/** Only our own files run, no text becomes code or markup, nothing frames us, and only these origins are reached. */
function headers(reached: readonly string[]): Record<string, string> {
  const origins = [...new Set(reached.map((url) => new URL(url).origin))].join(' ');
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${origins}`,
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin-allow-popups', // the window to sign in with is of another origin
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-cache',
  };
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

function answer(res: http.ServerResponse, extension: string, body: string | Buffer): void {
  res.writeHead(200, { 'Content-Type': TYPES[extension] ?? 'application/octet-stream' }).end(body);
}

function passOn(url: string, res: http.ServerResponse): void {
  const request = http.get(url, (response) => {
    res.writeHead(response.statusCode ?? 502, {
      'Content-Type': response.headers['content-type'] ?? 'text/plain',
    });
    response.pipe(res);
  });
  request.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
  res.on('close', () => request.destroy());
}
