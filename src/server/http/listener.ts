/** The public listener: its limits, HTTPS in process, and how it stops. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/index.js';
import type { Logger } from '../observe/logger.js';
import { readTls, reloadTls } from './tls.js';
import { pacePipelining } from './pipelining.js';
import { cutUnreadAnswers } from './stalled-readers.js';

/** How long the sockets that we destroy at the end of the grace may take to close. */
const CUT_MS = 500;
/** Turns of the event loop until a destroyed socket has said that it closed: a timer may be due before. */
const CLOSING_TURNS = 4;

/** Node ends slow headers, slow bodies and idle connections after these times (Slowloris). */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16_384,
  requireHostHeader: false, // the Host guard refuses its absence, with an audit record
};

/** The server does not listen yet. @throws when the certificate cannot be read */
export async function createListener(config: Config, logger: Logger) {
  const options = { ...LIMITS, keepAliveTimeout: config.KEEP_ALIVE_MS };
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = config;
  if (certFile === undefined || keyFile === undefined) {
    return { server: limited(http.createServer(options), config), stopReload: () => {} };
  }
  const files = { certFile, keyFile };
  const material = await readTls(files);
  const server = https.createServer({
    ...options,
    ...material,
    minVersion: 'TLSv1.2',
    // Asks for a certificate and takes any, or none: what counts is whether a token names it (`identity/certificate-bound.ts`).
    requestCert: config.AUTH.some((kind) => kind !== 'api-key'),
    rejectUnauthorized: false,
    handshakeTimeout: LIMITS.headersTimeout,
  });
  return { server: limited(server, config), stopReload: reloadTls(server, files, material, logger) };
}

function limited<S extends http.Server>(server: S, { MAX_CONNECTIONS }: Config): S {
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = 0; // by default Node drops headers after the first 2,000, unseen by the guards; maxHeaderSize bounds them
  guardConnections(server);
  return server;
}

/** Bounds the requests of one connection that run at once, and how long its answers wait to be read. */
export function guardConnections(server: http.Server): void {
  pacePipelining(server);
  cutUnreadAnswers(server);
}

/**
 * Resolves with the real port, which differs from `port` when that is 0.
 * @param prefix of the variables to name in an error: none, or `ADMIN_`
 * @throws {Error} naming the variable and the fix
 */
export async function listen(server: http.Server, host: string, port: number, prefix = ''): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening').catch(({ code, message }: NodeJS.ErrnoException) => {
    const fix = FIXES[code ?? '']?.(prefix) ?? `${prefix}HOST, ${prefix}PORT`;
    throw new Error(`${fix} (${message})`);
  });
  return (server.address() as AddressInfo).port;
}

const FIXES: Readonly<Record<string, (prefix: string) => string>> = {
  EADDRINUSE: (prefix) => `${prefix}PORT is in use: stop the process that uses it, or set another port`,
  EACCES: (prefix) => `${prefix}PORT is not allowed for this user: set a port above 1023`,
  EADDRNOTAVAIL: (prefix) => `${prefix}HOST is not an address of this machine: set one that is`,
};

export function originOf(server: http.Server, host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${server instanceof https.Server ? 'https' : 'http'}://${name}:${port}`;
}

/**
 * Connections that have sent no request, over TLS also those whose handshake is not finished. Node does not count them as
 * idle, so one would use up the whole grace. By peer: a request knows the TLS socket, not the one below it.
 */
export function silentConnections(server: http.Server): ReadonlyMap<string, Socket> {
  const silent = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    silent.set(peer, socket);
    socket.on('close', () => silent.delete(peer));
  });
  const spoke = ({ socket }: http.IncomingMessage) => silent.delete(peerOf(socket));
  server.on('request', spoke).on('checkContinue', spoke);
  return silent;
}

const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;

/** Accepts no new connections, waits for the calls in flight, and destroys what is left after the grace. */
export async function drain(
  server: http.Server,
  drainCalls: () => Promise<void>,
  silent: ReadonlyMap<string, Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connection kept alive by its client would otherwise hold the server open until it idles out.
  const closeIdleAfter = (_req: unknown, res: http.ServerResponse) =>
    res.once('close', () => setImmediate(() => server.closeIdleConnections()));
  server.on('request', closeIdleAfter).on('checkContinue', closeIdleAfter);
  const graceOver = new AbortController();
  await Promise.race([
    drainCalls()
      .then(() => server.closeIdleConnections())
      .then(() => silent.forEach((socket) => socket.destroy()))
      .then(() => closed),
    sleep(graceMs, undefined, { signal: graceOver.signal }).catch(() => {}),
  ]);
  graceOver.abort();
  server.closeAllConnections();
  // A destroyed call writes its last audit record when its socket closes, and the audit closes next.
  await Promise.race([closed, sleep(CUT_MS)]);
  for (let i = 0; i < CLOSING_TURNS; i += 1) await turn();
}
