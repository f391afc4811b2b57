import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { all, body, messages, next } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { seen, startTestServer } from './test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let raw: ReturnType<typeof rawClient>;
beforeAll(async () => {
  server = await startTestServer({ maxSessionsPerCaller: 100 });
  raw = rawClient(server.url);
});
afterAll(() => server.close());

const call = (id: string | number, name: string, args: object = {}, meta?: object) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: args, ...(meta && { _meta: meta }) },
});
const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text;

describe('a call', () => {
  test('brings its logs and growing progress on its own stream, before its one answer', async () => {
    const { client } = await server.connect();
    const logs: unknown[] = [];
    const progress: number[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params));
    const onprogress = ({ progress: done }: { progress: number }) => void progress.push(done);
    const result = await client.callTool({ name: 'report', arguments: {} }, undefined, { onprogress });

    expect(textOf(result)).toBe('reported');
    expect(progress).toEqual([1, 3, 4]);
    expect(logs).toEqual([
      { level: 'debug', data: 'one' },
      { level: 'warning', data: { n: 2 } },
      { level: 'error', data: 'three' },
    ]);
  });

  test('without a progress token brings no progress', async () => {
    const session = await raw.initialize();
    const found = await all(await raw.post(call(1, 'report'), { session }));

    expect(found.map(({ method }) => method)).not.toContain('notifications/progress');
    expect(found.at(-1)).toMatchObject({ id: 1, result: {} });
  });

  test('without a notification is answered in plain JSON', async () => {
    const session = await raw.initialize();
    const res = await raw.post(
      { id: 'a', method: 'resources/read', params: { uri: 'test://doc/1' } },
      { session },
    );

    expect(res.headers.get('content-type')).toBe('application/json');
    expect(await body(res)).toEqual({
      jsonrpc: '2.0',
      id: 'a',
      result: { contents: [{ uri: 'test://doc/1', text: 'text of 1' }] },
    });
  });

  test('that asks for a task is answered at once: tasks are not offered', async () => {
    const session = await raw.initialize();
    const asked = call(1, 'report', {}, { 'io.modelcontextprotocol/related-task': { taskId: 'x' } });
    const found = await all(await raw.post({ ...asked, params: { ...asked.params, task: {} } }, { session }));

    expect(found.at(-1)).toMatchObject({ id: 1, result: { content: [{ text: 'reported' }] } });
    expect(found).toHaveLength(4);
  });

  test('is refused while another with its id is in flight, in its session only', async () => {
    const [session, other] = [await raw.initialize(), await raw.initialize()];
    const started = once(seen, 'started first');
    const first = raw.post(call(1, 'wait', { name: 'first', quiet: true }), { session });
    await started;
    const second = await raw.post({ id: 1, method: 'ping' }, { session });

    expect(second.status).toBe(400);
    expect(await body(second)).toMatchObject({ id: 1, error: { data: { code: 'malformed_message' } } });
    expect((await raw.post({ id: '1', method: 'ping' }, { session })).status).toBe(200);
    expect((await raw.post({ id: 1, method: 'ping' }, { session: other })).status).toBe(200);
    seen.emit('release first');
    expect((await first).status).toBe(200);
    expect((await raw.post({ id: 1, method: 'ping' }, { session })).status).toBe(200);
  });

  test('that fails says so on its stream, without a word of the failure', async () => {
    const session = await raw.initialize();
    const res = await raw.post(call(1, 'fail', { secret: 'password-of-the-database' }), { session });
    const text = await res.text();

    expect(text).toContain('Internal error (request request-');
    expect(text).not.toContain('password-of-the-database');
  });
});

describe('the buffer of a stream', () => {
  test('lets one large answer pass', async () => {
    const session = await raw.initialize();
    const found = await all(await raw.post(call(1, 'flood', { logs: 1, bytes: 950_000 }), { session }));

    expect(textOf(found.at(-1)?.result)).toHaveLength(950_000);
  });

  test('is no bound for a reader that had no turn yet', async () => {
    const session = await raw.initialize();
    const found = await all(await raw.post(call(1, 'flood', { logs: 10, bytes: 500_000 }), { session }));

    expect(found).toHaveLength(11);
  });
});

test('a ping is answered with an empty result', async () => {
  const session = await raw.initialize();
  const res = await raw.post({ id: 'p', method: 'ping' }, { session });

  expect(await body(res)).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
});

describe('errors', () => {
  test('a call that cannot be audited is refused as a whole', async () => {
    const session = await raw.initialize({}, 'unaudited');
    const res = await raw.post(call(8, 'report'), { session, caller: 'unaudited' });

    expect(res.status).toBe(503);
    expect(await body(res)).toMatchObject({ error: { data: { code: 'audit_unavailable' } } });
  });

  test.each([
    ['an unknown method', { method: 'tools/unheard-of' }, -32601, 'Method not found'],
    ['a method of a capability not offered', { method: 'prompts/list' }, -32601, 'Method not found'],
    ['malformed parameters', { method: 'tools/call', params: { name: 5 } }, -32602, 'Invalid params'],
    ['an unknown tool', call(1, '__proto__'), -32602, 'Unknown tool'],
    ['an unknown level', { method: 'logging/setLevel', params: { level: 'loud' } }, -32602, 'Invalid params'],
    [
      'an unknown resource',
      { method: 'resources/subscribe', params: { uri: 'evil://x' } },
      -32602,
      'Resource not found',
    ],
    [
      'a resource that fails with a reason',
      { method: 'resources/read', params: { uri: 'test://doc/broken' } },
      -32602,
      'This document is broken',
    ],
  ])('%s is a JSON-RPC error with HTTP 200', async (_what, message, code, words) => {
    const session = await raw.initialize();
    const res = await raw.post({ id: 1, ...message }, { session });

    expect(res.status).toBe(200);
    expect(await body(res)).toEqual({ jsonrpc: '2.0', id: 1, error: { code, message: words } });
    expect(server.audits.at(-1)).toMatchObject({ 'rpc.code': code });
  });
});

describe('logging/setLevel', () => {
  test('holds for its session from then on, and for no other', async () => {
    const [session, other] = [await raw.initialize(), await raw.initialize()];
    const set = await raw.post(
      { id: 1, method: 'logging/setLevel', params: { level: 'error' } },
      { session },
    );
    const [quiet, loud] = await Promise.all([
      raw.post(call(2, 'report'), { session }).then(all),
      raw.post(call(2, 'report'), { session: other }).then(all),
    ]);

    expect((await body(set)).result).toEqual({});
    expect(quiet.map(({ params }) => params?.['level'])).toEqual(['error', undefined]);
    expect(loud.map(({ params }) => params?.['level'])).toEqual(['debug', 'warning', 'error', undefined]);
  });
});

describe('notifications/cancelled', () => {
  const cancel = (requestId: string | number) => ({
    method: 'notifications/cancelled',
    params: { requestId },
  });

  test.each([true, false])('ends a call without an answer, quiet: %s', async (quiet) => {
    const session = await raw.initialize();
    const name = `cancelled ${quiet}`;
    const [started, cancelled] = [once(seen, `started ${name}`), once(seen, `cancelled ${name}`)];
    const answer = raw.post(call(0, 'wait', { name, quiet }), { session });
    await started;
    const accepted = await raw.post(cancel(0), { session });
    await cancelled;

    expect(accepted.status).toBe(202);
    expect((await all(await answer)).filter((message) => 'id' in message)).toEqual([]);
  });

  test('of the SDK client stops the tool', async () => {
    const { client } = await server.connect();
    const [started, cancelled] = [once(seen, 'started by sdk'), once(seen, 'cancelled by sdk')];
    const abort = new AbortController();
    const result = client.callTool({ name: 'wait', arguments: { name: 'by sdk' } }, undefined, {
      signal: abort.signal,
    });
    const rejected = expect(result).rejects.toThrow();
    await started;
    abort.abort('enough');

    await cancelled;
    await rejected;
  });

  test('reaches no call of another session, nor one whose id only looks alike', async () => {
    const [session, other] = [await raw.initialize(), await raw.initialize()];
    const started = once(seen, 'started safe');
    const answer = raw.post(call(3, 'wait', { name: 'safe', quiet: true }), { session });
    await started;
    await raw.post(cancel(3), { session: other });
    await raw.post(cancel('3'), { session });
    expect((await raw.post(cancel(3), { session, caller: 'mallory' })).status).toBe(404);
    seen.emit('release safe');

    expect(textOf((await body(await answer)).result)).toBe('released');
  });
});

describe('the end of a connection or session', () => {
  test('a dropped connection does not cancel its call', async () => {
    const session = await raw.initialize();
    const [started, finished] = [once(seen, 'started dropped'), once(seen, 'finished dropped')];
    let cancelled = false;
    seen.once('cancelled dropped', () => (cancelled = true));
    const abort = new AbortController();
    const openBefore = server.keepAlive.size();
    const res = await raw.post(call(4, 'wait', { name: 'dropped' }), { session, signal: abort.signal });
    await started;
    abort.abort();
    await expect(next(messages(res))).rejects.toThrow();
    while (server.keepAlive.size() > openBefore) await new Promise((done) => setImmediate(done));
    // Its id stays in flight.
    expect((await raw.post({ id: 4, method: 'ping' }, { session })).status).toBe(400);
    seen.emit('release dropped');
    await finished;

    expect(cancelled).toBe(false);
  });

  test('DELETE cancels the calls of the session', async () => {
    const session = await raw.initialize();
    const [started, cancelled] = [once(seen, 'started deleted'), once(seen, 'cancelled deleted')];
    const answer = raw.post(call(1, 'wait', { name: 'deleted' }), { session });
    await started;
    await raw.end({ session });
    await cancelled;

    expect((await all(await answer)).filter((message) => 'id' in message)).toEqual([]);
  });
});

test('after many calls nothing is left behind', async () => {
  const fresh = await startTestServer();
  const client = rawClient(fresh.url);
  const session = await client.initialize();
  const before = fresh.keepAlive.size();
  for (let i = 0; i < 50; i++) await (await client.post(call(1, 'report'), { session })).arrayBuffer();

  expect(fresh.keepAlive.size()).toBe(before);
  await fresh.close();
});
