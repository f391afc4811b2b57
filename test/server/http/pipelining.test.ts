import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { pacePipelining } from '../../../src/server/http/pipelining.js';
import { closed } from '../../helpers/raw-http.js';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (body: string) =>
  `POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (body: string) =>
  `POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const many = (count: number) => Array.from({ length: count }, (_, i) => `/${i}`);

const servers: http.Server[] = [];
const clients: Socket[] = [];

afterEach(() => {
  jest.useRealTimers();
  for (const client of clients.splice(0)) client.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function serve(listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener);
  pacePipelining(server);
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

function open(port: number): Socket {
  const client = connect(port, '127.0.0.1').on('error', () => {});
  clients.push(client);
  return client;
}

/** Reads until so many answers have come, each of which ends by its request's path and a semicolon. */
async function answers(client: Socket, count: number): Promise<string[]> {
  const found: string[] = [];
  let received = '';
  while (found.length < count) {
    received += String((await once(client, 'data'))[0]);
    const parts = received.split(';');
    received = parts.pop() ?? '';
    found.push(...parts.map((part) => part.slice(part.lastIndexOf('\n') + 1)));
  }
  return found;
}

const echo: http.RequestListener = (req, res) => {
  let bytes = 0;
  req.on('data', (piece: Buffer) => (bytes += piece.length));
  req.on('end', () => res.end(`${req.url}=${bytes};`));
};

test('one connection has at most four requests at work, and gets its answers in order', async () => {
  let atWork = 0;
  let most = 0;
  const port = await serve((req, res) => {
    most = Math.max(most, (atWork += 1));
    res.once('close', () => (atWork -= 1));
    setTimeout(() => res.end(`${req.url};`), Math.random() * 5);
  });
  const client = open(port);

  client.write(many(100).map(get).join(''));

  expect(await answers(client, 100)).toEqual(many(100));
  expect(most).toBe(4);
});

test('thousands of requests in one write take many turns of the event loop: another client is served between them', async () => {
  let started = 0;
  const port = await serve((req, res) => {
    started += 1;
    res.end(`${req.url};`);
  });
  const flood = open(port).resume();
  flood.write(get('/flood').repeat(20_000));
  await once(flood, 'data');

  const other = open(port);
  other.write(get('/other'));
  await answers(other, 1);

  expect(started).toBeLessThan(10_000);
});

test('a client that does not read its answers gets no more made', async () => {
  let made = 0;
  const port = await serve((_req, res) => {
    made += 1;
    res.end('x'.repeat(8 * 1024 * 1024));
  });
  const other = await serve(echo);
  open(port).pause().write(get('/').repeat(170));

  const client = open(other);
  for (let round = 0; round < 20; round += 1) {
    client.write(get('/'));
    await answers(client, 1);
  }

  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThanOrEqual(4);
});

describe('a body keeps its bounds, whatever it looks like,', () => {
  const body = `${get('/hidden')}a\r\n\r\nb`.repeat(40);
  const text = post(body) + get('/1') + chunked(body) + get('/2') + post('') + get('/3');
  const length = body.length;
  const expected = [`/length=${length}`, '/1=0', `/chunked=${length}`, '/2=0', '/length=0', '/3=0'];

  test.each([1, 3, 64, 100_000])('in pieces of %p bytes', async (size) => {
    const client = open(await serve(echo));
    client.setNoDelay(true);
    const received = answers(client, expected.length);

    for (let at = 0; at < text.length; at += size) {
      client.write(text.slice(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }

    expect(await received).toEqual(expected);
  });
});

describe('a request line is refused', () => {
  test.each([
    ['with two spaces', 'GET  / HTTP/1.1'],
    ['with two spaces behind the target', 'GET /  HTTP/1.1'],
    ['of HTTP/2.0', 'POST / HTTP/2.0'],
    ['of HTTP/0.9', 'GET / HTTP/0.9'],
  ])('%s, whole or in pieces', async (_case, line) => {
    let served = 0;
    const port = await serve((_req, res) => {
      served += 1;
      res.end();
    });
    for (const at of [0, 3, line.length]) {
      const client = open(port);
      let received = '';
      client.on('data', (data) => (received += String(data))).write(line.slice(0, at));
      await new Promise((resolve) => setTimeout(resolve, 20));
      client.write(`${line.slice(at)}\r\nHost: a\r\n\r\n`);
      await closed(client);

      expect(received).toContain('HTTP/1.1 400 ');
    }
    expect(served).toBe(0);
  });

  test('also behind a chunked body whose end comes in two pieces', async () => {
    const client = open(await serve(echo));
    const [start, rest] = [chunked('x').slice(0, -2), `\r\n${get('/').replace(' ', '  ')}`];
    client.setNoDelay(true).write(start);
    await new Promise((resolve) => setTimeout(resolve, 20));
    let received = '';
    client.on('data', (data) => (received += String(data))).write(rest);
    await closed(client);

    expect(received).not.toContain('/=0');
  });
});

describe('a client that closes its sending half behind its requests', () => {
  test('gets every answer', async () => {
    const port = await serve((req, res) => void setTimeout(() => res.end(`${req.url};`), 5));
    const client = open(port);

    client.end(many(20).map(get).join(''));

    expect(await answers(client, 20)).toEqual(many(20));
    await closed(client);
  });

  test('is kept in memory by no timer once its connection is closed', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
    const port = await serve(echo);
    const opened = once(servers[0] as http.Server, 'connection') as Promise<[Socket]>;
    const client = open(port);
    const [socket] = await opened;
    const [ended, over] = [once(socket, 'end'), once(socket, 'close')];
    client.end();
    await ended;
    const waiting = jest.getTimerCount();

    client.destroy();
    socket.destroy();
    await over;

    expect(waiting).toBeGreaterThan(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  test.each(['nothing sent yet', 'an event stream open'])(
    'is told from one that has closed the connection: that is noticed soon, with %s',
    async (how) => {
      const gone = new Promise((resolve) => {
        void serve((_req, res) => {
          if (how !== 'nothing sent yet') {
            res.setHeader('Content-Type', 'text/event-stream');
            res.write(': open\n\n');
          }
          res.once('close', () => resolve(res.writableFinished));
          setTimeout(() => clients[0]?.destroy(), 20);
        }).then((port) => open(port).write(get('/')));
      });

      expect(await gone).toBe(false);
    },
  );
});
