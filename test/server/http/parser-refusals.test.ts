import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { describe, expect, test } from '@jest/globals';
import type { RequestHandler } from 'express';
import { jsonBody } from '../../../src/server/layers/json-body.js';
import { closed, parseRaw, rawRequest } from '../../helpers/raw-http.js';
import { serve } from '../layers/serve.js';

describe('what Node refuses before any layer', () => {
  test.each([
    ['no HTTP at all', 400, 'hello\r\n\r\n'],
    ['a broken header', 400, 'GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n'],
    ['a length that is none', 400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'],
    ['two lengths', 400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      400,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a line break alone', 400, 'GET / HTTP/1.1\nHost: a\n\n'],
    ['another version', 400, 'GET / HTTP/3.0\r\nHost: a\r\n\r\n'],
    ['too long headers', 431, `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
    [
      'an unknown expectation',
      417,
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n',
    ],
    ['CONNECT', 400, 'CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n'],
    [
      'a query with a key in CONNECT',
      400,
      'CONNECT evil.com:443?key=s HTTP/1.1\r\nHost: evil.com:443\r\n\r\n',
    ],
  ])('%s is answered in JSON and recorded once', async (_case, status, request) => {
    const { port, passed, audit } = await serve([]);

    const answer = parseRaw(await rawRequest(port, request));

    const requestId = answer.headers['x-request-id'];
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ connection: 'close', 'cache-control': 'no-store' });
    expect(JSON.parse(answer.text)).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: status,
        message: 'Malformed HTTP request',
        data: { code: 'malformed_request', requestId },
      },
    });
    expect(audit.ended).toHaveLength(1);
    expect(audit.ended[0]).toMatchObject({
      requestId,
      'client.address': '127.0.0.1',
      'http.status': status,
      decision: 'deny',
      reason: 'malformed_request',
      bytesOut: answer.text.length,
    });
    expect(JSON.stringify(audit.ended)).not.toContain('key=s');
    expect(passed).toHaveLength(0);
  });

  test('headers that never end are answered 408', async () => {
    const { port, audit } = await serve([], {
      server: { headersTimeout: 100, connectionsCheckingInterval: 50 },
    });

    const answer = parseRaw(await rawRequest(port, 'GET / HTTP/1.1\r\nHost: a\r\n'));

    expect(answer.status).toBe(408);
    expect(audit.ended).toHaveLength(1);
  });
});

test('a body that never ends is answered 408 under the id of its request', async () => {
  const { port, audit } = await serve([jsonBody({ maxBytes: 100, maxDepth: 8, maxMembers: 100 })], {
    server: { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 },
  });

  const answer = parseRaw(
    await rawRequest(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{'),
  );

  expect(answer.status).toBe(408);
  expect(await audit.record()).toMatchObject({
    requestId: answer.headers['x-request-id'],
    'http.status': 408,
    reason: 'malformed_request',
    detail: { reason: 'ERR_HTTP_REQUEST_TIMEOUT' },
  });
  expect(audit.ended).toHaveLength(1);
});

test('a body whose chunks are broken is answered 400 under the id of its request', async () => {
  const { port, passed, audit } = await serve([jsonBody({ maxBytes: 100, maxDepth: 8, maxMembers: 100 })]);

  const answer = parseRaw(
    await rawRequest(
      port,
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nnonsense\r\n',
    ),
  );

  expect(answer.status).toBe(400);
  expect((await audit.record()).requestId).toBe(answer.headers['x-request-id']);
  expect(audit.ended).toHaveLength(1);
  expect(passed).toHaveLength(0);
});

test('rubbish behind a request in progress ends the connection, and no answer is taken for another', async () => {
  const { port, server, audit } = await serve([(_req, res) => void res.write('stream')]);
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];

  socket.write('rubbish\r\n\r\n');
  const rest: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => rest.push(chunk));
  await closed(socket);

  expect(parseRaw(answer.toString()).status).toBe(200);
  expect(Buffer.concat(rest).toString()).not.toContain('HTTP/1.1');
  expect(await audit.record()).toMatchObject({ 'http.status': 200, truncated: true });
  expect(server.listening).toBe(true);
});

test('rubbish behind a whole request that has no answer yet never becomes the answer to that request', async () => {
  const { port, server, audit } = await serve([() => {}]);
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(server, 'request');

  socket.write('rubbish\r\n\r\n');
  await closed(socket);

  expect(received).toHaveLength(0);
  const record = await audit.record();
  expect(record).toMatchObject({ truncated: true, decision: 'deny' });
  expect(record).not.toHaveProperty('http.status');
  expect(audit.ended).toHaveLength(1);
});

test('a layer that still waits when the body breaks off is no failure in the log', async () => {
  const reached = new EventEmitter();
  const slow: RequestHandler = async (_req, res, next) => {
    reached.emit('slow');
    await once(reached, 'go');
    res.setHeader('RateLimit', '1');
    next();
  };
  const { port, passed, logged } = await serve([slow]);
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{');
  await once(reached, 'slow');

  socket.end();
  const [answer] = (await once(socket, 'data')) as [Buffer];
  reached.emit('go');
  await closed(socket);

  expect(parseRaw(answer.toString()).status).toBe(400);
  expect(passed).toHaveLength(0);
  expect(logged).toHaveLength(0);
});

test('a connection that is opened and reset without a word is no request: nothing is recorded', async () => {
  const { port, server, url, audit } = await serve([]);
  const socket = net.connect(port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [net.Socket];

  socket.resetAndDestroy();
  await closed(accepted);
  await fetch(url);

  await audit.record();
  expect(audit.ended).toHaveLength(1);
});

test('a refused tunnel whose client resets the connection does no harm', async () => {
  const { port, server, url } = await serve([]);
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  socket.write('CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n');
  await once(socket, 'data');

  socket.resetAndDestroy();
  await closed(accepted);

  expect((await fetch(url)).status).toBe(200);
});
