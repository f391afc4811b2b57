import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, test } from '@jest/globals';
import type { RequestHandler } from 'express';
import { codeOf, serve } from './serve.js';

describe('the record of a request', () => {
  test('says who asked, for what, and what came of it', async () => {
    const { url, audit } = await serve([]);

    const response = await fetch(`${url}/mcp`);
    const text = await response.text();

    expect(await audit.record()).toEqual({
      requestId: response.headers.get('x-request-id'),
      'client.address': '127.0.0.1',
      decision: 'allow',
      'http.method': 'GET',
      'http.path': '/mcp',
      'http.status': 200,
      bytesIn: 0,
      bytesOut: text.length,
    });
  });

  test.each([
    [204, 'allow'],
    [404, 'deny'],
  ])('has a decision also where no layer has made one: %i is %s', async (status, decision) => {
    const { url, audit } = await serve([(_req, res) => void res.status(status).end()]);

    await fetch(url);

    expect(await audit.record()).toMatchObject({ 'http.status': status, decision });
  });

  test('of a client that left before any answer says that nothing was allowed', async () => {
    let arrive: () => void = () => {};
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const { port, audit } = await serve([() => arrive()]);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await arrived;
    socket.destroy();

    const record = await audit.record();
    expect(record).toMatchObject({ decision: 'deny', truncated: true });
    expect(record).not.toHaveProperty('http.status');
  });

  test('has the path without its query, and no more than 256 characters of it', async () => {
    const { url, audit } = await serve([]);

    await fetch(`${url}/${'a'.repeat(3000)}?api_key=secret`);

    const path = (await audit.record())['http.path'];
    expect(path).toHaveLength(256);
    expect(JSON.stringify(audit.ended)).not.toContain('secret');
  });

  test.each([
    ['7b1f0c1e-5a0c-4c6e-8f52-0d1c8c6a0f11', true],
    ['Root=1-67891233-abcdef012345678912345678', true],
    ['two words', false],
    ['{"decision":"allow"}', false],
    ['x'.repeat(129), false],
  ])("a caller's X-Request-Id %p is recorded: %p", async (id, recorded) => {
    const { url, audit } = await serve([]);

    await fetch(url, { headers: { 'X-Request-Id': id } });

    expect((await audit.record()).clientRequestId).toBe(recorded ? id : undefined);
  });

  test.each([
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '4bf92f3577b34da6a3ce929d0e0e4736'],
    ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', '4bf92f3577b34da6a3ce929d0e0e4736'],
    ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', undefined],
    ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', undefined],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', undefined],
    ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', undefined],
    ['anything else', undefined],
  ])('a traceparent %p gives the trace id %p', async (traceparent, traceId) => {
    const { url, audit } = await serve([]);

    await fetch(url, { headers: { traceparent } });

    expect((await audit.record()).traceId).toBe(traceId);
  });

  test('counts what was streamed, in bytes and not in characters', async () => {
    const stream: RequestHandler = (_req, res) => {
      res.write('é');
      res.write(Buffer.from('abc'));
      res.write('AAAA', 'base64');
      res.end();
    };
    const { url, audit } = await serve([stream]);

    const body = await (await fetch(url)).arrayBuffer();

    expect(body.byteLength).toBe(8);
    expect((await audit.record()).bytesOut).toBe(8);
  });
});

describe('a connection that dies', () => {
  const hang: RequestHandler = () => {};

  test('before an answer is recorded once, as truncated and without a status', async () => {
    const { port, server, audit } = await serve([hang]);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(server, 'request');

    socket.destroy();

    const record = await audit.record();
    expect(record.truncated).toBe(true);
    expect(record).not.toHaveProperty('http.status');
    expect(audit.ended).toHaveLength(1);
  });

  test('in the middle of a stream keeps the status that was sent', async () => {
    const { url, audit } = await serve([(_req, res) => void res.write('first')]);
    const abort = new AbortController();

    await fetch(url, { signal: abort.signal });
    abort.abort();

    expect(await audit.record()).toMatchObject({ 'http.status': 200, truncated: true, bytesOut: 5 });
  });

  test('ends the records of pipelined requests too, whose responses never had a socket', async () => {
    const { port, server, audit } = await serve([hang]);
    const socket = net.connect(port, '127.0.0.1');
    let requests = 0;
    const all = new Promise<void>((resolve) => {
      server.on('request', () => {
        requests += 1;
        if (requests === 15) resolve();
      });
    });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(15));
    await all;

    socket.destroy();

    await audit.record(14);
    expect(new Set(audit.ended.map((record) => record.requestId)).size).toBe(15);
  });
});

test('while no record can be written every request is refused, and served again afterwards', async () => {
  const { url, audit, passed } = await serve([]);
  audit.takesRecords = false;

  const refused = await fetch(url);

  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(await codeOf(refused)).toBe('audit_unavailable');
  expect(passed).toHaveLength(0);
  expect(await audit.record()).toMatchObject({ decision: 'deny', reason: 'audit_unavailable' });

  audit.takesRecords = true;
  expect((await fetch(url)).status).toBe(200);
});
