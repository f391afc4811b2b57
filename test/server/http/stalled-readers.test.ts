import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, jest, test } from '@jest/globals';
import { cutUnreadAnswers } from '../../../src/server/http/stalled-readers.js';
import { selfSignedCertificate } from '../../helpers/certificate.js';

const STALLED_MS = 150;
const LARGE = 'x'.repeat(16 * 1024 * 1024); // more than the buffers of both kernels take
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

let server: http.Server;
let client: Socket;

afterEach(() => {
  jest.useRealTimers();
  client.destroy();
  server.close();
});

async function serve(
  listener: http.RequestListener,
  stalledMs: number | undefined = STALLED_MS,
): Promise<void> {
  server = http.createServer(listener);
  cutUnreadAnswers(server, stalledMs);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
}

test('a client that does not read its answers is cut off, and those that wait behind them are let go', async () => {
  const closed: Promise<unknown>[] = [];
  const bothAsked: Promise<void> = new Promise((resolve) => {
    void serve((_req, res) => {
      if (closed.push(once(res.req.socket, 'close')) === 2) resolve();
      void bothAsked.then(() => res.end(LARGE));
    }).then(() => client.pause().write(GET + GET));
  });
  await bothAsked;

  await Promise.all(closed);
});

test('also when it has taken an earlier answer on the connection', async () => {
  const gone = new Promise((resolve) => {
    let first: http.ServerResponse | undefined;
    void serve((_req, res) => {
      if (first === undefined) return void (first = res);
      res.end(LARGE); // waits for its turn
      first.end('first');
      res.req.socket.once('close', resolve);
    }).then(() => client.pause().write(GET + GET));
  });

  await gone;
});

test('a client that reads slowly is not cut off while it reads', async () => {
  await serve((_req, res) => void res.end(LARGE));
  client.write(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  let bytes = 0;
  client.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    client.pause();
    setTimeout(() => client.resume(), 5);
  });

  await once(client, 'end');

  expect(bytes).toBeGreaterThan(LARGE.length);
});

test('an answer that takes long to make is not cut off, not even behind another on its connection', async () => {
  let calls = 0;
  await serve((_req, res) => {
    calls += 1;
    if (calls === 1) res.end('first');
    else void sleep(STALLED_MS * 3).then(() => res.end('second'));
  });
  client.write(GET + GET);
  let received = '';
  client.on('data', (chunk: Buffer) => (received += chunk.toString()));

  while (!received.includes('second')) await once(client, 'data');

  expect(received).toContain('first');
});

test.each(['http', 'https'])(
  'over %s an answer that is not read is cut after thirty seconds, not after a minute',
  async (scheme) => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'clearTimeout', 'performance'],
    });
    const certificate = selfSignedCertificate();
    server = scheme === 'http' ? http.createServer() : https.createServer(certificate);
    cutUnreadAnswers(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    client = scheme === 'http' ? connect(port, '127.0.0.1') : connectTls({ port, ca: certificate.cert });
    client
      .on('error', () => {})
      .pause()
      .write(GET);
    const [{ socket }, res] = (await once(server, 'request')) as [http.IncomingMessage, http.ServerResponse];
    res.end(LARGE);
    const { _handle: handle } = socket as unknown as {
      readonly _handle: { readonly writeQueueSize: number };
    };
    await sleep(500); // the systems take what they will

    let unsent = handle.writeQueueSize;
    let seconds = 0;
    while (seconds < 60 && !socket.destroyed) {
      jest.advanceTimersByTime(3_000);
      await sleep(1);
      seconds += 3;
      if (socket.destroyed || handle.writeQueueSize === unsent) continue;
      unsent = handle.writeQueueSize; // a busy machine took some more: the time begins anew
      seconds = 0;
    }

    expect(seconds).toBeGreaterThanOrEqual(27);
    expect(seconds).toBeLessThan(45);
  },
);

test('a server whose event loop was held for long cuts nobody for it', async () => {
  await serve((_req, res) => void res.end(LARGE));
  client.pause().write(GET);
  const [{ socket }] = (await once(server, 'request')) as [http.IncomingMessage];
  await sleep(STALLED_MS / 10);
  const end = performance.now() + STALLED_MS * 3;
  while (performance.now() < end);
  await new Promise((resolve) => setImmediate(resolve));
  client.resume();

  expect(socket.destroyed).toBe(false);
});
