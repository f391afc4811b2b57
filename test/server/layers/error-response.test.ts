import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, expect, test } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import { errorResponse } from '../../../src/server/layers/error-response.js';
import { RefusedRequest } from '../../../src/server/refusal.js';
import { closed, parseRaw, rawRequest } from '../../helpers/raw-http.js';
import { serve } from './serve.js';

const throwing = (error: unknown): RequestHandler => {
  return () => {
    throw error;
  };
};

test('a refusal is answered in JSON and recorded with its detail, under one request id', async () => {
  const refusal = new RefusedRequest('unsupported_version', {
    detail: { asked: '1999-01-01' },
    data: { supported: ['2025-11-25'] },
    headers: { 'X-Extra': '1' },
  });
  const { url, audit, logged } = await serve([throwing(refusal)]);

  const response = await fetch(url);

  const requestId = response.headers.get('x-request-id');
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('x-extra')).toBe('1');
  expect(await response.json()).toEqual({
    jsonrpc: '2.0',
    id: null,
    error: {
      code: -32022,
      message: 'Unsupported protocol version',
      data: { supported: ['2025-11-25'], code: 'unsupported_version', requestId },
    },
  });
  expect(await audit.record()).toMatchObject({
    requestId,
    'http.status': 400,
    decision: 'deny',
    reason: 'unsupported_version',
    'rpc.code': -32022,
    detail: { asked: '1999-01-01' },
  });
  expect(logged).toHaveLength(0);
});

test.each([0, 7, 'seven'])('a refusal carries the id %p of the request it refuses', async (id) => {
  const known: RequestHandler = (req, _res, next) => {
    req.envelope = { era: '2025', kind: 'request', id };
    next();
  };
  const { url } = await serve([known, throwing(new RefusedRequest('insufficient_scope'))]);

  expect(await (await fetch(url)).json()).toMatchObject({ id });
});

test('every 503 says when to try again', async () => {
  const quiet = await serve([throwing(new RefusedRequest('audit_unavailable'))]);
  const knowing = await serve([
    throwing(new RefusedRequest('issuer_unavailable', { headers: { 'Retry-After': '30' } })),
  ]);

  expect((await fetch(quiet.url)).headers.get('retry-after')).toBe('5');
  expect((await fetch(knowing.url)).headers.get('retry-after')).toBe('30');
});

describe('anything else that is thrown', () => {
  test.each([
    ['an error', new Error('password=hunter2 at /srv/app/secret.ts')],
    ['a rejected promise', 'reject'],
    ['no error at all', 'hunter2'],
  ])('%s is a 500 that tells nothing, and is logged with the request id', async (_case, thrown) => {
    // Made in its layer: a rejection in the table would be unhandled when this case is filtered out.
    const rejecting: RequestHandler = () => Promise.reject(new Error('hunter2'));
    const { url, audit, logged } = await serve([thrown === 'reject' ? rejecting : throwing(thrown)]);

    const response = await fetch(url);
    const text = await response.text();

    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ error: { code: -32603, data: { code: 'internal' } } });
    expect(text).not.toMatch(/hunter2|srv|stack/);
    expect(logged[0]?.facts).toMatchObject({ requestId: response.headers.get('x-request-id') });
    expect(await audit.record()).toMatchObject({ decision: 'deny', reason: 'internal' });
    expect(JSON.stringify(audit.ended)).not.toContain('hunter2');
  });

  test('after half an answer cuts the connection and is still recorded', async () => {
    const { port, audit, logged } = await serve([
      (_req, res) => {
        res.write('half');
        throw new Error('too late');
      },
    ]);

    const received = await rawRequest(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');

    expect(received).not.toContain('0\r\n\r\n');
    expect(received).not.toContain('internal');
    expect(await audit.record()).toMatchObject({ 'http.status': 200, reason: 'internal', truncated: true });
    expect(logged).toHaveLength(1);
  });

  test('after a whole answer is only logged', async () => {
    const { url, audit, logged } = await serve([
      (_req, res) => {
        res.end('done');
        throw new Error('too late');
      },
    ]);

    expect(await (await fetch(url)).text()).toBe('done');
    expect(await audit.record()).not.toHaveProperty('reason');
    expect(logged).toHaveLength(1);
  });

  test('in the first layers is answered too, without an audit trail to note it in', async () => {
    const app = express().use(throwing(new Error('audit broke')));
    app.use(errorResponse({ logger: { error() {} }, maxDrainBytes: 0 }));
    const server = http.createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');

    const { port } = server.address() as net.AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}`, { headers: { Connection: 'close' } });
    server.close();

    expect(response.status).toBe(500);
    expect(await response.text()).toContain('"internal"');
  });
});

describe('a refusal before the body is read', () => {
  const refuse = throwing(new RefusedRequest('credentials_missing'));

  test('reaches a client that is still sending, and ends the connection', async () => {
    const { port, audit } = await serve([refuse]);
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n';

    const answer = parseRaw(await rawRequest(port, head + 'x'.repeat(50_000)));

    expect(answer.status).toBe(401);
    expect(answer.headers['connection']).toBe('close');
    expect(JSON.parse(answer.text)).toMatchObject({ error: { data: { code: 'credentials_missing' } } });
    expect(await audit.record()).toMatchObject({ 'http.status': 401, reason: 'credentials_missing' });
  });

  test('reads no more of an endless body than it must', async () => {
    const { port, audit } = await serve([refuse]);
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const flood = setInterval(() => socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`), 1);
    socket.resume();

    await closed(socket);
    clearInterval(flood);

    expect(await audit.record()).toMatchObject({ 'http.status': 401 });
  });

  test('ends the connection: what is pipelined behind it is refused too, though it would have passed', async () => {
    const postOnly: RequestHandler = (req, _res, next) => {
      if (req.method === 'POST') throw new RefusedRequest('credentials_missing');
      next();
    };
    const { port, audit, passed } = await serve([postOnly]);

    const received = await rawRequest(
      port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nxxxxx${'GET /behind HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2)}`,
    );

    expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(passed).toHaveLength(0);
    await audit.record(2);
    const behind = audit.ended.filter((record) => record['http.path'] === '/behind');
    expect(behind.map(({ reason, truncated }) => ({ reason, truncated }))).toEqual([
      { reason: 'malformed_request', truncated: true },
      { reason: 'malformed_request', truncated: true },
    ]);
  });
});

test('a refusal without a body keeps the connection', async () => {
  const { url } = await serve([throwing(new RefusedRequest('not_found'))]);

  expect((await fetch(url)).headers.get('connection')).toBe('keep-alive');
});
