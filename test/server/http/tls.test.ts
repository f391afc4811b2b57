import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readTls, reloadTls } from '../../../src/server/http/tls.js';
import { selfSignedCertificate } from '../../helpers/certificate.js';
import { until } from '../../helpers/until.js';
import { readRecords } from '../observe/records.js';
import { closeAll, start, type Started } from '../process/start.js';

let folder: string;
let files: { certFile: string; keyFile: string };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-'));
  files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
});

afterEach(async () => {
  await closeAll();
  await rm(folder, { recursive: true });
});

async function install({ cert, key }: { cert: string; key: string }): Promise<void> {
  await Promise.all([writeFile(files.certFile, cert), writeFile(files.keyFile, key)]);
}

/** Trusts this certificate alone. @returns the protocol agreed on */
async function handshake(port: number, ca: string, maxVersion?: 'TLSv1.1'): Promise<string | null> {
  const minVersion = maxVersion && 'TLSv1';
  const socket = connect({ port, host: '127.0.0.1', ca, ...(maxVersion && { minVersion, maxVersion }) });
  await once(socket, 'secureConnect');
  const protocol = socket.getProtocol();
  socket.destroy();
  return protocol;
}

async function trusts(port: number, { cert }: { cert: string }): Promise<boolean> {
  return handshake(port, cert).then(
    () => true,
    () => false,
  );
}

test('a connection that never finishes its handshake does not hold up the shutdown', async () => {
  await install(selfSignedCertificate());
  const server = await start({ TLS_CERT_FILE: files.certFile, TLS_KEY_FILE: files.keyFile });
  const silent = connectTcp(Number(server.url.port), '127.0.0.1');
  await once(silent, 'connect');
  const cut = once(silent, 'close');
  await server.close();
  await cut;
});

test('requests that never end are cut when the grace is over, each with its record', async () => {
  const { cert, key } = selfSignedCertificate();
  await install({ cert, key });
  const server = await start({
    TLS_CERT_FILE: files.certFile,
    TLS_KEY_FILE: files.keyFile,
    SHUTDOWN_GRACE_MS: '200',
    TOOL_TIMEOUT_MS: '200',
  });
  const head =
    `POST /mcp HTTP/1.1\r\nHost: ${server.url.host}\r\nContent-Type: application/json\r\n` +
    'Accept: application/json, text/event-stream\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n';
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect({ port: Number(server.url.port), host: '127.0.0.1', ca: cert });
      socket.on('error', () => {}).write(head);
      await once(socket, 'data'); // invited to send: it is in flight
    }),
  );

  await server.close();

  expect(await readRecords(server.audit)).toHaveLength(20);
});

test('with a certificate the public listener speaks HTTPS, no older than TLS 1.2, and only that', async () => {
  const pair = selfSignedCertificate();
  await install(pair);
  const server = await start({ TLS_CERT_FILE: files.certFile, TLS_KEY_FILE: files.keyFile });
  const port = Number(server.url.port);

  expect(server.url.protocol).toBe('https:');
  const req = https.request(server.url, { ca: pair.cert, method: 'DELETE', agent: false }).end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  res.resume();
  expect(res.headers['strict-transport-security']).toMatch(/max-age=\d+/);
  expect(await handshake(port, pair.cert)).toBe('TLSv1.3');
  await expect(handshake(port, pair.cert, 'TLSv1.1')).rejects.toThrow();
  await expect(fetch(`http://127.0.0.1:${port}/mcp`)).rejects.toThrow();
  expect((await fetch(new URL('/livez', server.adminUrl))).status).toBe(200);
});

/** A call of revision 2026-07-28 whose tool waits for `release`, in bytes. */
function waitingCall({ url }: Started): string {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const params = { name: 'wait', arguments: {}, _meta };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const head = [
    'POST /mcp HTTP/1.1',
    `Host: ${url.host}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Accept: application/json, text/event-stream',
    'MCP-Protocol-Version: 2026-07-28',
    'Mcp-Method: tools/call',
    'Mcp-Name: wait',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

async function connectOverTls(): Promise<{ server: Started; client: TLSSocket }> {
  const pair = selfSignedCertificate();
  await install(pair);
  const server = await start({ TLS_CERT_FILE: files.certFile, TLS_KEY_FILE: files.keyFile });
  const client = connect({ port: Number(server.url.port), host: '127.0.0.1', ca: pair.cert });
  await once(client, 'secureConnect');
  return { server, client };
}

test('a client that closes its sending half over TLS gets its answer, and then the end of the connection', async () => {
  const { server, client } = await connectOverTls();
  const [waiting, interim] = [once(server.events, 'waiting'), once(client, 'data')];

  client.end(waitingCall(server));
  const rest = text(client);
  await Promise.all([waiting, interim]);
  server.events.emit('release');

  const received = `${(await interim)[0]}${await rest}`;
  expect(received).toMatch(/^HTTP\/1\.1 102 /);
  expect(received).toContain('HTTP/1.1 200 ');
  expect(received).toContain('done');
});

test('a client that closes its whole connection over TLS cancels its call', async () => {
  const { server, client } = await connectOverTls();
  const waiting = once(server.events, 'waiting');
  client.write(waitingCall(server));
  await waiting;

  client.destroy();

  await until(async () => (await readRecords(server.audit)).length === 2);
  expect(await readRecords(server.audit)).toMatchObject([
    { stage: 'received' },
    { stage: 'completed', truncated: true },
  ]);
});

test('a replaced certificate is used without a restart; one that is broken leaves the old in place, and is logged', async () => {
  const [first, second, other] = [selfSignedCertificate(), selfSignedCertificate(), selfSignedCertificate()];
  await install(first);
  const material = await readTls(files);
  const server = https.createServer(material).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const logged: string[] = [];
  const log = (_fields: object, message: string) => void logged.push(message);
  const stop = reloadTls(
    server,
    files,
    material,
    { debug: log, info: log, warn: log, error: log, fatal: log },
    20,
  );
  try {
    expect(await trusts(port, first)).toBe(true);

    await install({ cert: other.cert, key: 'no key at all' });
    await until(() => logged.some((message) => message.includes('the old one stays')));
    expect(await trusts(port, first)).toBe(true);

    await install(second);
    await until(() => logged.includes('certificate reloaded'));
    expect(await trusts(port, second)).toBe(true);
    expect(await trusts(port, first)).toBe(false);
  } finally {
    stop();
    server.close();
    server.closeAllConnections();
  }
});
