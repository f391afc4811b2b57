import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response as ServerResponse } from 'express';
import { createKeepAlive, type KeepAlive } from '../../../../src/server/mcp/exchange/keep-alive.js';
import {
  createResponseWriter,
  type ResponseWriter,
} from '../../../../src/server/mcp/exchange/response-writer.js';
import { UnsentAnswers } from '../../../../src/server/mcp/exchange/unsent-answers.js';
import type { AuditFacts } from '../../../../src/server/observe/audit-record.js';
import { until } from '../../../helpers/until.js';

const KEEP_ALIVE_MS = 30;
const MAX_BUFFER_BYTES = 100_000;
const STALLED_MS = 50;
/** More than the kernels' buffers take. */
const LARGE = 'x'.repeat(8_000_000);
const MAX_UNSENT = { perProcess: 40_000_000, perCaller: 20_000_000 };

let server: http.Server;
let keepAlive: KeepAlive;
let unsent: UnsentAnswers;
let audit: { opened: number; facts: AuditFacts };
let stalledMs: number;
/** Emits the writer of each request. */
let writers: EventEmitter;
beforeEach(async () => {
  keepAlive = createKeepAlive(KEEP_ALIVE_MS);
  unsent = new UnsentAnswers(MAX_UNSENT);
  audit = { opened: 0, facts: {} };
  stalledMs = STALLED_MS;
  writers = new EventEmitter();
  server = http.createServer((req, res) => {
    const caller = { issuer: 'test', subject: req.url, method: 'api-key', scopes: [] };
    const trail = {
      streamOpen: () => void audit.opened++,
      note: (facts: AuditFacts) => void Object.assign(audit.facts, facts),
    };
    const bounds = { maxBufferBytes: MAX_BUFFER_BYTES, stalledMs };
    const watchCredential = () => () => {};
    Object.assign(req, {
      requestId: 'request-1',
      audit: trail,
      caller,
      watchCredential,
      envelope: { id: 1 },
    });
    const options = { keepAlive, unsent, ...bounds };
    writers.emit('writer', createResponseWriter(res as ServerResponse, options));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  keepAlive.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const port = () => (server.address() as AddressInfo).port;

/** A request, and the writer of its response. */
async function request(signal?: AbortSignal) {
  const created = once(writers, 'writer') as Promise<[ResponseWriter]>;
  const res = fetch(`http://127.0.0.1:${port()}`, signal ? { signal } : {});
  res.catch(() => {});
  return { writer: (await created)[0], res };
}
const frame = (message: object) => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
const message = { jsonrpc: '2.0', method: 'notifications/message' };
const answer = { jsonrpc: '2.0', id: 1, result: {} };

describe('an answer', () => {
  test('that comes first is JSON with its length and status', async () => {
    const { writer, res } = await request();
    writer.answer(answer, 202);
    const { status, headers } = await res;

    expect(status).toBe(202);
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('content-length')).toBe(String(JSON.stringify(answer).length));
    expect(await (await res).json()).toEqual(answer);
    expect(audit.opened).toBe(0);
  });

  test('behind another message is the last event of a stream', async () => {
    const { writer, res } = await request();
    writer.send(message);
    writer.answer(answer, 400);
    const { status, headers } = await res;

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect(headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(await (await res).text()).toBe(`: open\n\n${frame(message)}${frame(answer)}`);
    expect(audit.opened).toBe(1);
  });

  test.each(['JSON', 'a stream'])('as %s is the only one, and nothing follows it', async (kind) => {
    const { writer, res } = await request();
    if (kind === 'a stream') writer.open();
    writer.answer(answer);
    writer.answer({ ...answer, id: 2 });
    writer.send(message);
    writer.event({ id: '1', data: 'late' });
    writer.open();
    writer.end();
    const text = await (await res).text();

    expect(text.match(/jsonrpc/g)).toHaveLength(1);
    expect(text).toContain('"id":1');
    expect(writer.closed).toBe(true);
    expect(audit.opened).toBe(kind === 'JSON' ? 0 : 1);
  });
});

describe('a stream', () => {
  test('reaches the client with its first byte at once, and is kept alive by comments', async () => {
    const { writer, res } = await request();
    writer.open();
    const reader = (await res).body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('keep-alive')) text += (await reader?.read())?.value;

    expect(text).toMatch(/^: open\n\n: keep-alive\n\n/);
    expect(keepAlive.size()).toBe(1);
    writer.end();
    while (!(await reader?.read())?.done);
    expect(keepAlive.size()).toBe(0);
  });

  test('gives an event its id and type; one without data has a time to wait instead', async () => {
    const { writer, res } = await request();
    writer.event({ id: 'a.1', data: '' });
    writer.event({ id: 'a.2', data: '{}' });
    writer.event({ type: 'endpoint', data: '/messages' });
    writer.end();

    expect(await (await res).text()).toBe(
      ': open\n\nid: a.1\nretry: 1000\ndata: \n\nid: a.2\nevent: message\ndata: {}\n\nevent: endpoint\ndata: /messages\n\n',
    );
  });

  test('has no line break of Unicode inside an event, and the client reads the same text', async () => {
    const { writer, res } = await request();
    const text = 'a\u2028b\u2029c\u0085d é';
    writer.send({ text });
    writer.event({ id: 'a.1', data: JSON.stringify({ text }) });
    writer.answer({ text });
    const body = await (await res).text();

    expect(body).not.toMatch(/[\u0085\u2028\u2029]/);
    const read = body.split('\n').filter((line) => line.startsWith('data: '));
    expect(read.map((line) => JSON.parse(line.slice(6)))).toEqual([{ text }, { text }, { text }]);
  });

  test('whose client goes says so once to each that listens, and takes nothing more', async () => {
    const abort = new AbortController();
    const { writer, res } = await request(abort.signal);
    const heard: string[] = [];
    writer.onDisconnect(() => heard.push('disconnect'));
    writer.open();
    await res;
    const closed = new Promise<void>((resolve) => {
      writer.onClose(() => {
        heard.push('close');
        resolve();
      });
    });
    abort.abort();
    await closed;
    await new Promise((done) => setImmediate(done));
    writer.send(message);
    writer.onClose(() => heard.push('late'));
    writer.onDisconnect(() => heard.push('late'));

    expect(heard.toSorted((a, b) => a.localeCompare(b))).toEqual(['close', 'disconnect', 'late', 'late']);
    expect(writer.closed).toBe(true);
    expect(keepAlive.size()).toBe(0);
    expect(audit.facts).toEqual({});
  });

  test('that ends by itself closes, and its client has not gone', async () => {
    const { writer, res } = await request();
    const heard: string[] = [];
    writer.onDisconnect(() => heard.push('disconnect'));
    writer.onClose(() => heard.push('close'));
    writer.open();
    writer.end();
    await (await res).text();

    expect(heard).toEqual(['close']);
  });
});

/** Sends a request, and reads nothing of its answer. */
async function deafRequest(path = '/') {
  const created = once(writers, 'writer') as Promise<[ResponseWriter]>;
  const socket = net.connect(port(), '127.0.0.1').on('error', () => {});
  socket.pause().write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return { writer: (await created)[0], socket };
}

describe('what a caller has not read', () => {
  const large = { ...answer, result: { LARGE } };
  const isEmpty = () => unsent.hasRoom(MAX_UNSENT.perProcess);
  const untilEmpty = () => until(isEmpty);

  test('leaves no room for another JSON answer, which can still be refused, until it is read or given up', async () => {
    const [first, second, third] = [await deafRequest(), await deafRequest(), await deafRequest()];
    first.writer.answer(large);
    second.writer.answer(large);
    const refused = expect.objectContaining({ code: 'overloaded', headers: { 'Retry-After': '1' } });
    expect(() => third.writer.answer(large)).toThrow(refused);
    expect(third.writer.closed).toBe(false);

    first.socket.resume();
    second.socket.destroy();
    await untilEmpty();
    third.writer.answer(large);
    third.socket.destroy();
    await untilEmpty();
  });

  test('makes the answer of a stream an error, and a denial in the audit', async () => {
    const deaf = [await deafRequest(), await deafRequest()];
    for (const { writer } of deaf) writer.answer(large);
    const { writer, res } = await request();
    writer.send(message);
    writer.answer(large);
    const text = await (await res).text();

    expect(text).toContain(frame(message));
    expect(text).toMatch(/"id":1,"error":\{.*"code":"overloaded"/);
    expect(text).not.toContain('xxx');
    expect(audit.facts).toMatchObject({ decision: 'deny', reason: 'overloaded' });
    for (const { socket } of deaf) socket.destroy();
    await untilEmpty();
  });

  test('in streams counts too: beyond it the next message cuts one off', async () => {
    const deaf = [await deafRequest(), await deafRequest(), await deafRequest()];
    for (const { writer } of deaf) writer.send({ LARGE });

    expect(deaf.map(({ writer }) => writer.closed)).toEqual([false, false, true]);
    expect(audit.facts).toEqual({ reason: 'overloaded', truncated: true });
    for (const { socket } of deaf) socket.destroy();
    await untilEmpty();
  });

  test('is of no other caller, up to what the process has room for', async () => {
    const deaf = [await deafRequest('/a'), await deafRequest('/a'), await deafRequest('/b')];
    deaf.push(await deafRequest('/b'), await deafRequest('/c'));
    const refusedAt = deaf.map(({ writer }) => {
      try {
        writer.answer(large);
        return false;
      } catch {
        return true;
      }
    });

    expect(refusedAt).toEqual([false, false, false, false, true]);
    expect(unsent.hasRoom(LARGE.length)).toBe(false);
    for (const { socket } of deaf) socket.destroy();
    await untilEmpty();
  });

  test('is nothing once it is read', async () => {
    const { writer, res } = await request();
    for (let i = 0; i < 10; i++) {
      writer.send({ n: i, text: 'x'.repeat(10_000) });
      await new Promise((done) => setImmediate(done));
    }
    writer.answer(answer);
    await (await res).text();

    await untilEmpty();
  });
});

describe('a reader that does not read', () => {
  const small = { data: 'x'.repeat(1_000) };
  const large = { data: LARGE };
  const closed = (writer: ResponseWriter) => new Promise<void>((resolve) => writer.onClose(resolve));

  test('is cut off and audited when it is behind and takes nothing for a while, and holds nothing more', async () => {
    const { writer, socket } = await deafRequest();
    writer.send(large);
    writer.send(small);
    expect(writer.closed).toBe(false);
    await closed(writer);
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < 10_000; n++) writer.send({ data: 'x'.repeat(10_000) });

    expect(audit.facts).toEqual({ reason: 'slow_reader', truncated: true });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(keepAlive.size()).toBe(0);
    socket.destroy();
  });

  test('is not behind with less than its buffer, however long it takes nothing', async () => {
    const { writer, socket } = await deafRequest();
    writer.send(small);
    await new Promise((done) => setTimeout(done, 4 * STALLED_MS));

    expect(writer.closed).toBe(false);
    socket.destroy();
  });

  test('that had no turn yet gets all of a burst, large messages and what follows them', async () => {
    const { writer, res } = await request();
    for (let n = 0; n < 500; n++) writer.send(small);
    writer.send(large);
    writer.send(small);
    writer.answer(answer);
    const text = await (await res).text();

    expect(text.match(/^event/gm)).toHaveLength(503);
    expect(text).toContain(frame(answer));
    expect(audit.facts).toEqual({});
  });

  test('has room again when it reads on, and is cut off no more', async () => {
    stalledMs = 10_000; // a busy machine may hold up this reader, too
    const connected = once(server, 'connection') as Promise<[net.Socket]>;
    const { writer, socket } = await deafRequest();
    const [connection] = await connected;
    await writer.room();
    writer.send(large);
    let hasRoom = false;
    const room = writer.room().then(() => (hasRoom = true));
    await new Promise((done) => setImmediate(done));
    expect([hasRoom, connection.timeout]).toEqual([false, stalledMs]);
    socket.resume();
    await room;

    expect([writer.closed, connection.timeout]).toEqual([false, 0]);
    expect(audit.facts).toEqual({});
    socket.destroy();
  });

  test.each(['is cut off', 'goes away'])('that %s leaves nobody waiting for room', async (end) => {
    const { writer, socket } = await deafRequest();
    writer.send(large);
    if (end === 'goes away') socket.destroy();
    await writer.room();

    expect(writer.closed).toBe(true);
    await writer.room();
    socket.destroy();
  });

  test('is no slow one for a single large message', async () => {
    const { writer, socket } = await deafRequest();
    writer.send({ data: 'x'.repeat(50 * MAX_BUFFER_BYTES) });

    expect(writer.closed).toBe(false);
    socket.destroy();
  });

  test('does not slow down another', async () => {
    const deaf = await deafRequest();
    const { writer, res } = await request();
    for (let n = 0; n < 100; n++) deaf.writer.send({ data: 'x'.repeat(100_000) });
    writer.send(message);
    writer.answer(answer);

    expect(await (await res).text()).toContain(frame(answer));
    deaf.socket.destroy();
  });
});

test('one timer serves every stream', async () => {
  const all = [await request(), await request(), await request()].map(({ writer }) => writer);
  for (const writer of all) writer.open();
  expect(keepAlive.size()).toBe(3);
  for (const writer of all) writer.end();
  expect(keepAlive.size()).toBe(0);
});
