import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { body, events, next, type Message } from '../../../helpers/raw-messages.js';
import { rawClient } from '../era-2025/raw-client.js';
import { seen, startTestServer } from '../era-2025/test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let sse: ReturnType<typeof rawClient>;
beforeEach(async () => {
  server = await startTestServer();
  sse = rawClient(new URL('/sse', server.url).href);
});
afterEach(() => server.close());

const until = async (isReached: () => boolean) => {
  while (!isReached()) await new Promise((done) => setImmediate(done));
};

/** The SDK's own client for HTTP+SSE. */
async function connect(capabilities: object = {}, caller = 'alice') {
  const client = new Client({ name: 'old client', version: '1' }, { capabilities });
  const headers = { 'x-test-caller': caller };
  const transport = new SSEClientTransport(new URL('/sse', server.url), { requestInit: { headers } });
  await client.connect(transport);
  return client;
}

/** A stream, the endpoint that it names, and the messages it brings. */
async function open(caller = 'alice') {
  const abort = new AbortController();
  const res = await sse.get({ caller, signal: abort.signal });
  const stream = events(res);
  const endpoint = await next(stream);
  const { post } = rawClient(new URL(String(endpoint.data), server.url).href);
  const message = async () => {
    const { value } = await stream.next();
    return value?.data === undefined ? undefined : (JSON.parse(value.data) as Message);
  };
  return { res, endpoint, post, message, next: () => next(stream), hangUp: () => abort.abort() };
}

const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
const initialize = { id: 0, method: 'initialize', params };
const wait = (name: string, quiet = true) => ({
  id: 1,
  method: 'tools/call',
  params: { name: 'wait', arguments: { name, quiet } },
});

describe('the SDK client of HTTP+SSE', () => {
  test('lists and calls the same tools, with their logs', async () => {
    const client = await connect();
    const logs: unknown[] = [];
    client.setNotificationHandler(
      LoggingMessageNotificationSchema,
      (one) => void logs.push(one.params.level),
    );
    const { tools } = await client.listTools();
    const { content } = await client.callTool({ name: 'report', arguments: {} });

    expect(tools.map(({ name }) => name)).toContain('report');
    expect(content).toEqual([{ type: 'text', text: 'reported' }]);
    expect(logs).toEqual(['debug', 'warning', 'error']);
    await client.close();
  });

  test('is told which argument no schema names', async () => {
    const client = await connect();
    const { content } = await client.callTool({ name: 'flood', arguments: { log: 1 } });

    expect(content).toMatchObject([{ text: expect.stringMatching(/unknown properties: log; known are: /) }]);
    await client.close();
  });

  test('reads the words of a tool that refuses by its arguments, and the audit has the refusal', async () => {
    const client = await connect();
    const { content, isError } = await client.callTool({ name: 'forbidden', arguments: {} });

    expect([isError, content]).toEqual([true, [{ type: 'text', text: 'Not to you' }]]);
    expect(server.audits).toContainEqual(
      expect.objectContaining({ decision: 'deny', reason: 'not_permitted' }),
    );
    await client.close();
  });

  test('that had no turn yet gets all that a tool sent, and its answer', async () => {
    const client = await connect();
    let logs = 0;
    client.setNotificationHandler(LoggingMessageNotificationSchema, () => void logs++);
    const { content } = await client.callTool({ name: 'flood', arguments: { logs: 2_500, bytes: 500 } });

    expect(content).toEqual([{ type: 'text', text: 'y'.repeat(500) }]);
    expect(logs).toBe(2_500);
    await client.close();
  });

  test('answers a question and is told of changes', async () => {
    const client = await connect({ elicitation: {} });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { sure: true } }));
    const told = new Promise<void>((resolve) => {
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
    });
    const { content } = await client.callTool({ name: 'ask', arguments: { what: 'confirm' } });
    server.changes.publish({ kind: 'tools' });

    expect(JSON.stringify(content)).toContain('accept');
    await told;
    await client.close();
  });

  test('cancels its calls, and those in flight when it leaves', async () => {
    const client = await connect();
    const abort = new AbortController();
    const [started, cancelled] = [once(seen, 'started one'), once(seen, 'cancelled one')];
    const call = (name: string, signal?: AbortSignal) =>
      client.callTool({ name: 'wait', arguments: { name } }, undefined, { ...(signal && { signal }) });
    const one = expect(call('one', abort.signal)).rejects.toThrow();
    await started;
    abort.abort();
    await cancelled;
    await one;
    const [startedTwo, cancelledTwo] = [once(seen, 'started two'), once(seen, 'cancelled two')];
    const two = expect(call('two')).rejects.toThrow();
    await startedTwo;
    await client.close();

    await two;
    await cancelledTwo;
    await until(() => server.era.streams() === 0);
    expect(await server.sessions.count()).toBe(0);
  });
});

describe('an SSE stream', () => {
  test('names its endpoint, opens a session by initialize and ends with it', async () => {
    const { res, endpoint, post, message } = await open();
    const accepted = await post(initialize);
    const answer = await message();
    const session = String(endpoint.data?.split('=')[1]);
    await post({ method: 'notifications/initialized' });

    expect(res.headers.get('content-type')).toBe('text/event-stream');
    expect(endpoint).toEqual({
      event: 'endpoint',
      data: expect.stringMatching(/^\/messages\?sessionId=[\w-]{43}$/),
    });
    expect(accepted.status).toBe(202);
    expect(await accepted.text()).toBe('');
    expect(answer).toMatchObject({ id: 0, result: { protocolVersion: '2024-11-05' } });
    await server.sessions.delete(session);
    expect(await message()).toBeUndefined();
  });

  test('brings logs, growing progress and the answer, without ids: nothing could be resumed', async () => {
    const { post, next: event } = await open();
    await post(initialize);
    await event();
    const report = { name: 'report', arguments: {}, _meta: { progressToken: 7 } };
    await post({ id: 1, method: 'tools/call', params: report });
    const found = [];
    for (let n = 0; n < 7; n++) found.push(await event());
    const sent = found.map(({ data }) => JSON.parse(String(data)) as Message);

    expect(found.every((one) => one.event === 'message' && one.id === undefined)).toBe(true);
    expect(sent.map(({ params: one }) => one?.['level'] ?? one?.['progress'])).toEqual([
      'debug',
      'warning',
      'error',
      1,
      3,
      4,
      undefined,
    ]);
    expect(sent.at(-1)).toMatchObject({ id: 1, result: {} });
  });

  test('takes messages of its own caller only, and shows nothing of them to another', async () => {
    const { endpoint, post, message } = await open();
    const theirs = await open('mallory');
    await post(initialize);
    await message();
    const refusal = async (path: string, caller?: string) => {
      const { post: send } = rawClient(new URL(path, server.url).href);
      const res = await send({ id: 1, method: 'ping' }, caller === undefined ? {} : { caller });
      const { error } = await body(res);
      return { status: res.status, ...error, data: { ...error?.data, requestId: '' } };
    };
    const stolen = await refusal(String(endpoint.data), 'mallory');

    expect(stolen).toMatchObject({ status: 404, data: { code: 'session_not_found' } });
    expect(await refusal('/messages?sessionId=unknown')).toEqual(stolen);
    expect(await refusal('/messages')).toMatchObject({ status: 400, data: { code: 'session_required' } });
    expect(await refusal(String(theirs.endpoint.data))).toEqual(stolen);
    await post({ id: 2, method: 'ping' });
    expect(await message()).toEqual({ jsonrpc: '2.0', id: 2, result: {} });
  });

  test('cannot be taken by another caller before it is initialized', async () => {
    const { post, message } = await open();

    expect((await post(initialize, { caller: 'mallory' })).status).toBe(404);
    expect((await post(initialize)).status).toBe(202);
    expect(await message()).toMatchObject({ id: 0, result: {} });
    expect((await post({ id: 1, method: 'ping' })).status).toBe(202);
  });

  test('takes no message before initialize, and initialize once', async () => {
    const { post, message } = await open();

    expect((await post({ id: 1, method: 'tools/list' })).status).toBe(404);
    expect((await post({ ...initialize, params: {} })).status).toBe(202);
    expect(await message()).toMatchObject({ id: 0, error: { code: -32602 } });
    const create = server.sessions.create.bind(server.sessions);
    server.sessions.create = async (...args) => {
      await new Promise((done) => setTimeout(done, 20)); // a store across the network
      return create(...args);
    };
    const both = await Promise.all([post(initialize), post(initialize)]);
    expect(both.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(both.filter(({ status }) => status >= 500)).toEqual([]);
    expect(await message()).toMatchObject({ id: 0, result: {} });
    expect((await post(initialize)).status).toBe(400);
    expect(await server.sessions.count()).toBe(1);
  });

  test('takes no session of streamable HTTP, and no revision after HTTP+SSE', async () => {
    const session = await rawClient(server.url).initialize();
    const { post } = rawClient(new URL(`/messages?sessionId=${session}`, server.url).href);
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const modern = await post(
      { id: 1, method: 'tools/list', params: { _meta: meta } },
      { version: '2026-07-28' },
    );

    expect((await post({ id: 1, method: 'ping' })).status).toBe(404);
    expect(modern.status).toBe(400);
  });

  test('counts as a stream and its session as a session of its caller', async () => {
    const [first] = [await open(), await open()];
    const refused = await sse.get({ caller: 'alice' });

    expect(await body(refused)).toMatchObject({ error: { data: { code: 'too_many_streams' } } });
    first.hangUp();
    await until(() => server.era.streams() === 1);
    const { initialize: begin } = rawClient(server.url);
    for (let n = 0; n < 3; n++) await begin();
    const { post } = await open();
    const full = await post(initialize);
    expect(await body(full)).toMatchObject({ error: { data: { code: 'too_many_sessions' } } });
    expect((await (await open('bob')).post(initialize, { caller: 'bob' })).status).toBe(202);
  });

  test('whose client leaves during initialize leaves no session behind', async () => {
    const { post, hangUp } = await open();
    const create = server.sessions.create.bind(server.sessions);
    server.sessions.create = async (...args) => {
      hangUp();
      await until(() => server.era.streams() === 0);
      return create(...args);
    };
    await post(initialize);

    expect(await server.sessions.count()).toBe(0);
  });

  test('of a client that does not read is cut off, and its session ends', async () => {
    await server.close();
    server = await startTestServer({ stalledMs: 50 });
    sse = rawClient(new URL('/sse', server.url).href);
    const { post, message } = await open();
    await post(initialize);
    await message();
    const flood = { name: 'flood', arguments: { logs: 20, bytes: 500_000 } };
    await post({ id: 1, method: 'tools/call', params: flood });
    await until(() => server.era.streams() === 0);

    expect(server.audits.some(({ reason, truncated }) => reason === 'slow_reader' && truncated)).toBe(true);
    expect(await server.sessions.count()).toBe(0);
  });

  test('keeps its session from idling out', async () => {
    const idle = await startTestServer({ idleMs: 800, keepAliveMs: 20 });
    const stream = events(await rawClient(new URL('/sse', idle.url).href).get({}));
    const { post } = rawClient(new URL(String((await next(stream)).data), idle.url).href);
    await post(initialize);
    const ended = new Promise((resolve) => void idle.sessions.onEnd(resolve));
    const later = await rawClient(idle.url).initialize(); // of which nothing is open

    expect(await ended).toBe(later);
    expect((await post({ id: 1, method: 'ping' })).status).toBe(202);
    await idle.close();
  });
});

describe('a call by HTTP+SSE', () => {
  test('is accepted once it is audited, before it ends', async () => {
    const { post, message } = await open();
    await post(initialize);
    await message();
    const accepted = await post(wait('accepted'));
    expect(accepted.status).toBe(202);
    expect((await post({ id: 1, method: 'ping' })).status).toBe(400); // its id is in flight
    seen.emit('release accepted');

    expect(await message()).toMatchObject({ id: 1, result: { content: [{ text: 'released' }] } });
  });

  test('that is cancelled says nothing more on the stream of all calls', async () => {
    const { post, message } = await open();
    await post(initialize);
    await message();
    await post(wait('silenced'));
    const late = once(seen, 'logged late silenced');
    await post({ method: 'notifications/cancelled', params: { requestId: 1 } });
    await late;
    await post({ id: 2, method: 'ping' });

    expect(await message()).toMatchObject({ id: 2, result: {} });
  });

  test('that cannot be audited is refused', async () => {
    const { post, message } = await open('unaudited');
    const caller = 'unaudited';
    await post(initialize, { caller });
    await message();
    const res = await post(wait('never'), { caller });

    expect(res.status).toBe(503);
    expect(await body(res)).toMatchObject({ error: { data: { code: 'audit_unavailable' } } });
  });

  test('is answered before the server closes its stream', async () => {
    const { post, message } = await open();
    await post(initialize);
    await message();
    await post(wait('draining'));
    const drained = server.era.drain();
    seen.emit('release draining');

    expect(await message()).toMatchObject({ id: 1, result: {} });
    expect(await message()).toBeUndefined();
    await drained;
    expect(server.era.streams()).toBe(0);
  });
});
