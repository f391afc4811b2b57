import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { jsonBody } from '../../../src/server/layers/json-body.js';
import { RefusedRequest } from '../../../src/server/refusal.js';
import { parseRaw, rawRequest } from '../../helpers/raw-http.js';
import { codeOf, serve } from './serve.js';

const layer = () => jsonBody({ maxBytes: 1000, maxDepth: 8, maxMembers: 100 });
const ofSize = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));

test('a body is parsed, and its size is in the audit', async () => {
  const { url, passed, audit } = await serve([layer()]);

  await fetch(url, { method: 'POST', body: '{"é":[1]}' });

  expect(passed[0]?.body).toEqual({ é: [1] });
  expect((await audit.record()).bytesIn).toBe(10);
});

test('a body in many pieces, split inside a character, is one body', async () => {
  const { port, passed } = await serve([layer()]);
  const req = http.request({ port, method: 'POST', headers: { Connection: 'close' } }).on('error', () => {});
  for (const byte of Buffer.from('"aé€😀"')) req.write(Buffer.from([byte]));
  req.end();
  await once(req, 'response');

  expect(passed[0]?.body).toBe('aé€😀');
});

test('exactly the limit passes', async () => {
  const { url } = await serve([layer()]);

  expect((await fetch(url, { method: 'POST', body: ofSize(1000) })).status).toBe(200);
});

test('one byte more is refused by its declared length', async () => {
  const { url, passed, audit } = await serve([layer()]);

  const response = await fetch(url, { method: 'POST', body: ofSize(1001) });

  expect(response.status).toBe(413);
  expect(response.headers.get('connection')).toBe('close');
  expect(await codeOf(response)).toBe('body_too_large');
  expect(passed).toHaveLength(0);
  expect((await audit.record()).bytesIn).toBe(0);
});

test('a body of undeclared length is refused as soon as it is too long, not at its end', async () => {
  const { port, audit } = await serve([layer()]);
  const socket = net.connect(port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  socket.write(`400\r\n${'x'.repeat(1024)}\r\n`);

  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();

  expect(parseRaw(answer.toString()).status).toBe(413);
  expect(await audit.record()).toMatchObject({ 'http.status': 413, bytesIn: 1024 });
});

test('a body in very many tiny pieces is refused long before they fill the memory', async () => {
  const { port, audit, passed } = await serve([
    jsonBody({ maxBytes: 1_000_000, maxDepth: 8, maxMembers: 100 }),
  ]);
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  socket.write('1\r\nx\r\n'.repeat(30_000));

  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();

  expect(parseRaw(answer.toString()).status).toBe(400);
  expect(await audit.record()).toMatchObject({
    reason: 'malformed_request',
    detail: { reason: 'tiny_chunks' },
    bytesIn: 10_001,
  });
  expect(passed).toHaveLength(0);
});

test.each(['', '{', '{"a":1,"a":2}', '[[[[[[[[[]]]]]]]]]'])('%p is malformed_json', async (body) => {
  const { url, passed } = await serve([layer()]);

  const response = await fetch(url, { method: 'POST', body });
  const text = await response.clone().text();

  expect(response.status).toBe(400);
  expect(await codeOf(response)).toBe('malformed_json');
  expect(text).toContain('-32700');
  expect(passed).toHaveLength(0);
});

test('GET and DELETE have no body', async () => {
  const { url, passed } = await serve([layer()]);

  await fetch(url);
  await fetch(url, { method: 'DELETE' });

  expect(passed.map((req) => req.body)).toEqual([undefined, undefined]);
});

describe('in the middle of its body', () => {
  async function begin() {
    const served = await serve([layer()]);
    const socket = net.connect(served.port, '127.0.0.1').on('error', () => {});
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{');
    await once(served.server, 'request');
    return { ...served, socket };
  }

  test('a client that resets the connection is recorded as one that saw no answer, and nothing runs', async () => {
    const { socket, passed, audit } = await begin();

    socket.resetAndDestroy();

    const record = await audit.record();
    expect(record).toMatchObject({ truncated: true, bytesIn: 1 });
    expect(record).not.toHaveProperty('http.status');
    expect(audit.ended).toHaveLength(1);
    expect(passed).toHaveLength(0);
  });

  test('a client that only stops sending can still read why it is refused', async () => {
    const { socket, passed, audit } = await begin();

    socket.end();
    const [answer] = (await once(socket, 'data')) as [Buffer];

    expect(parseRaw(answer.toString()).status).toBe(400);
    expect(await audit.record()).toMatchObject({ 'http.status': 400, reason: 'malformed_request' });
    expect(audit.ended).toHaveLength(1);
    expect(passed).toHaveLength(0);
  });
});

describe('a client that waits for 100 Continue', () => {
  const HEAD =
    'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n';

  test('is invited here, and then answered', async () => {
    const { port } = await serve([layer()]);
    const socket = net.connect(port, '127.0.0.1');
    socket.write(HEAD);

    const [invitation] = (await once(socket, 'data')) as [Buffer];
    socket.write('{}');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();

    expect(invitation.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    expect(parseRaw(answer.toString()).status).toBe(200);
  });

  test('is never invited when an earlier layer refuses it', async () => {
    const refuse = () => {
      throw new RefusedRequest('credentials_missing');
    };
    const { port } = await serve([refuse, layer()]);

    const received = await rawRequest(port, HEAD);

    expect(received).toMatch(/^HTTP\/1\.1 401 /);
    expect(received).not.toContain('100 Continue');
  });
});
