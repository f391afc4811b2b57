import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { body } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { startTestServer } from './test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let raw: ReturnType<typeof rawClient>;
beforeAll(async () => {
  server = await startTestServer();
  raw = rawClient(server.url);
});
afterAll(() => server.close());

const ping = { id: 1, method: 'ping' };

describe('a session', () => {
  test('is a small record owned by its caller, whatever the client declares', async () => {
    const session = await raw.initialize(
      {
        elicitation: {},
        sampling: { big: 'x'.repeat(50_000) },
        experimental: { big: { x: 'x'.repeat(50_000) } },
      },
      'record',
    );

    expect(session).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await server.sessions.peek(session)).toEqual({
      id: session,
      owner: '["test","record"]',
      protocolVersion: '2025-11-25',
      clientInfo: { name: 'raw', version: '1' },
      clientCapabilities: { elicitation: {}, sampling: {} },
      subscriptions: [],
    });
  });

  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-06-18', '2025-06-18'],
    ['2024-10-07', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('asked for at %s is opened at %s', async (asked, given) => {
    const session = await raw.initialize({}, `version-${asked}`, asked);

    expect((await server.sessions.peek(session))?.protocolVersion).toBe(given);
  });

  test('is not opened by a malformed initialize, which is told so without a word of ours', async () => {
    const before = await server.sessions.count();
    const res = await raw.post({ id: 7, method: 'initialize', params: { capabilities: 'evil-value' } });

    expect(res.status).toBe(200);
    expect(res.headers.get('mcp-session-id')).toBeNull();
    expect(await body(res)).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32602, message: 'Invalid params' },
    });
    expect(await server.sessions.count()).toBe(before);
  });

  test('is refused beyond the cap of its caller, and of its caller only', async () => {
    for (let i = 0; i < 3; i++) await raw.initialize({}, 'greedy');
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
    };
    const res = await raw.post({ id: 9, method: 'initialize', params }, { caller: 'greedy' });

    expect(res.status).toBe(429);
    expect(res.headers.get('retry-after')).toBe('60');
    expect(res.headers.get('mcp-session-id')).toBeNull();
    expect(await body(res)).toMatchObject({ id: 9, error: { data: { code: 'too_many_sessions' } } });
    expect(await raw.initialize({}, 'modest')).toHaveLength(43);
  });

  test.each([
    ['request', 'POST', ping],
    ['notification', 'POST', { method: 'notifications/initialized' }],
    ['response', 'POST', { id: 'x', result: {} }],
    ['stream', 'GET', undefined],
    ['end', 'DELETE', undefined],
  ])('is required for a %s', async (_kind, method, message) => {
    const res = await (method === 'POST'
      ? raw.post(message ?? {})
      : method === 'GET'
        ? raw.get({})
        : raw.end({}));

    expect(res.status).toBe(400);
    expect(await body(res)).toMatchObject({ error: { data: { code: 'session_required' } } });
  });

  test('of another caller looks exactly like one that never was or has ended', async () => {
    const foreign = await raw.initialize({}, 'owner');
    const ended = await raw.initialize({}, 'mallory');
    await raw.end({ session: ended, caller: 'mallory' });
    const answers = [];
    for (const session of [foreign, ended, 'A'.repeat(43)]) {
      const tries = [
        await raw.post(ping, { session, caller: 'mallory' }),
        await raw.post({ ...ping, method: 'initialize' }, { session, caller: 'mallory' }),
        await raw.post(
          { method: 'notifications/cancelled' },
          { session, caller: 'mallory', version: '2025-03-26' },
        ),
        await raw.get({ session, caller: 'mallory' }),
        await raw.end({ session, caller: 'mallory' }),
      ];
      answers.push(
        await Promise.all(tries.map(async (res) => [res.status, withoutRequestId(await body(res))])),
      );
    }

    expect(answers[0]?.[0]).toEqual([404, expect.objectContaining({ id: 1 })]);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect((await raw.post(ping, { session: foreign, caller: 'owner' })).status).toBe(200);
  });

  test('keeps to its negotiated version, and does not need to hear it', async () => {
    const session = await raw.initialize({}, 'versions', '2025-06-18');
    const options = { session, caller: 'versions' };
    const other = await raw.post(ping, { ...options, version: '2025-11-25' });

    expect(other.status).toBe(400);
    expect(await body(other)).toMatchObject({
      id: 1,
      error: { code: -32600, data: { code: 'malformed_message' } },
    });
    expect((await raw.post(ping, { ...options, version: '2025-06-18' })).status).toBe(200);
    expect((await raw.post(ping, options)).status).toBe(200);
  });

  test('cannot be initialized again', async () => {
    const session = await raw.initialize({}, 'twice');
    const res = await raw.post({ id: 2, method: 'initialize', params: {} }, { session, caller: 'twice' });

    expect(res.status).toBe(400);
    expect(await body(res)).toMatchObject({ id: 2, error: { data: { code: 'malformed_message' } } });
  });

  test('is noted in the audit by its version and digest', async () => {
    const session = await raw.initialize({}, 'audited', '2025-03-26');
    await (await raw.post(ping, { session, caller: 'audited' })).arrayBuffer();

    for (const facts of server.audits.slice(-2)) {
      expect(facts).toMatchObject({ 'mcp.protocol.version': '2025-03-26', 'mcp.session': 'hmac of 43' });
    }
  });

  test('ends with DELETE: 204, and then it is unknown', async () => {
    const session = await raw.initialize({}, 'brief');
    const res = await raw.end({ session, caller: 'brief' });

    expect([res.status, await res.text()]).toEqual([204, '']);
    expect((await raw.post(ping, { session, caller: 'brief' })).status).toBe(404);
  });
});

describe('messages without an answer', () => {
  test.each([
    [{ method: 'notifications/initialized' }],
    [{ method: 'notifications/unheard-of' }],
    [{ method: 'notifications/cancelled' }],
    [{ method: 'notifications/cancelled', params: { requestId: 'not in flight' } }],
    [{ id: 'never asked', result: {} }],
    [{ id: 5, error: { code: 1, message: 'no' } }],
  ])('%j is accepted with 202 and no body', async (message) => {
    const session = await raw.initialize({}, JSON.stringify(message));
    const res = await raw.post(message, { session, caller: JSON.stringify(message) });

    expect([res.status, await res.text()]).toEqual([202, '']);
  });
});

function withoutRequestId(answer: { error?: { data?: object } }) {
  return { ...answer, error: { ...answer.error, data: { ...answer.error?.data, requestId: '' } } };
}
