import { once } from 'node:events';
import http from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { closed, parseRaw } from '../../helpers/raw-http.js';
import { until } from '../../helpers/until.js';
import { readRecords } from '../observe/records.js';
import { closeAll, start } from './start.js';

jest.setTimeout(20_000);

const FASTER = 50;
const createServer = http.createServer.bind(http);
let given: http.ServerOptions[];

/** The real server with its own limits, fifty times shorter. */
beforeEach(() => {
  given = [];
  jest.spyOn(http, 'createServer').mockImplementation(((options: http.ServerOptions, listener?: never) => {
    if (typeof options === 'function') return createServer(options); // the admin listener
    given.push(options);
    const faster = Object.entries(options).map(([name, value]) => [
      name,
      /(Timeout|Interval)$/.test(name) ? (value as number) / FASTER : value,
    ]);
    return createServer(Object.fromEntries(faster), listener);
  }) as typeof http.createServer);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await closeAll();
});

async function open(url: URL, text: string): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(Number(url.port), url.hostname).on('error', () => {});
  let received = '';
  socket.setEncoding('latin1').on('data', (data: string) => (received += data));
  await once(socket, 'connect');
  socket.write(text);
  return { socket, received: () => received };
}

test('the limits of the listener', async () => {
  await start();

  expect(given).toEqual([
    expect.objectContaining({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 75_000,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16_384,
    }),
  ]);
});

test('the guards see every header: none hides a second Host behind two thousand others', async () => {
  const server = await start();
  const many = 'X:\r\n'.repeat(2000);
  const { socket, received } = await open(
    server.url,
    `GET /mcp HTTP/1.1\r\nHost: ${server.url.host}\r\n${many}Host: evil\r\nConnection: close\r\n\r\n`,
  );
  await closed(socket);

  expect(received()).toContain('"malformed_request"');
});

test('an idle connection is kept for KEEP_ALIVE_MS, longer than headers may take, and its answers say so', async () => {
  const server = await start({ KEEP_ALIVE_MS: '620000' });
  const text = `GET /nothing HTTP/1.1\r\nHost: ${server.url.host}\r\n\r\n`;
  const { socket, received } = await open(server.url, text);
  await until(() => received().includes('not_found'));
  const [{ headersTimeout, connectionsCheckingInterval } = {}] = given;
  const idleMs = (Number(headersTimeout) + 3 * Number(connectionsCheckingInterval)) / FASTER;
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  socket.write(text);
  await until(() => received().split('not_found').length === 3);

  expect(given).toEqual([expect.objectContaining({ keepAliveTimeout: 620_000 })]);
  expect(received()).toContain('\r\nKeep-Alive: timeout=12\r\n'); // a fiftieth
  expect(received()).not.toContain('408');
  socket.destroy();
});

describe('is cut off, and the server serves on:', () => {
  const HEAD = 'POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n';
  test.each([
    ['who never ends the headers', 'POST /mcp HTTP/1.1\r\nX: '],
    ['who never ends the body', `${HEAD}Accept: */*\r\nContent-Length: 500\r\n\r\n{`],
  ])('%s', async (_name, text) => {
    const server = await start();
    const { socket, received } = await open(server.url, text.replace('{host}', server.url.host));
    await closed(socket);

    expect(parseRaw(received()).status).toBe(408);
    expect(received()).toContain('"malformed_request"');
    expect((await fetch(server.url)).status).toBeLessThan(500);
  });

  test('who keeps a connection without using it', async () => {
    const server = await start();
    const text = `GET /nothing HTTP/1.1\r\nHost: ${server.url.host}\r\n\r\n`;
    const { socket, received } = await open(server.url, text);
    await closed(socket);

    expect(parseRaw(received()).status).toBe(404);
  });
});

test('connections beyond the limit are dropped, and are taken again when there is room', async () => {
  const server = await start({ MAX_CONNECTIONS: '2' });
  const first = await open(server.url, '');
  const second = await open(server.url, '');
  const third = await open(server.url, '');
  await closed(third.socket);

  expect(third.received()).toBe('');
  expect([first, second].map(({ socket }) => socket.closed)).toEqual([false, false]);
  expect((await fetch(new URL('/livez', server.adminUrl))).status).toBe(200); // probes are not in the way
  first.socket.destroy();
  second.socket.destroy();
  await until(async () => (await fetch(server.url).catch(() => undefined)) !== undefined);
  await server.close();
  expect(await readRecords(server.audit)).toHaveLength(1); // of the request that was taken
});

test.each(['url', 'adminUrl'] as const)(
  'a flood of pipelined requests at %s starves nobody',
  async (target) => {
    const server = await start();
    const url = server[target];
    const request = `GET /nothing HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
    const flood = await Promise.all(Array.from({ length: 20 }, () => open(url, request.repeat(20_000))));

    const probe = await fetch(new URL('/livez', server.adminUrl), { signal: AbortSignal.timeout(5000) });
    const answered = flood.map(({ received }) => received().split('HTTP/1.1 404').length - 1);
    for (const { socket } of flood) socket.destroy();

    expect(probe.status).toBe(200);
    expect(Math.max(...answered)).toBeLessThan(20_000);
  },
);

test('the admin listener refuses the request lines that the public one refuses', async () => {
  const server = await start();
  const { socket, received } = await open(server.adminUrl, 'GET  /livez HTTP/2.0\r\nHost: a\r\n\r\n');
  await closed(socket);

  expect(parseRaw(received()).status).toBe(400);
});
