import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CLIENTS, type Answers, type Connected } from './connect.js';
import { definitions, seen } from './definitions.js';
import { type AuditLine, serve, type Served } from '../helpers/serve.js';

const SCOPES = ['notes:read', 'notes:write'];
const withinASecond = () => ({ signal: AbortSignal.timeout(1000) });

describe.each(CLIENTS)('%s', (_name, era, connect) => {
  let server: Served;
  let connected: Connected[];
  let closed: Promise<readonly AuditLine[]> | undefined;

  beforeEach(async () => {
    server = await serve(definitions, SCOPES);
    connected = [];
    closed = undefined;
  });
  const close = () => (closed ??= disconnect().then(() => server.close()));
  const disconnect = async () => void (await Promise.all(connected.map(({ client }) => client.close())));
  afterEach(close);

  async function open(answers?: Answers, headers = { 'X-Api-Key': server.key } as Record<string, string>) {
    const one = await connect(server.url, headers, answers);
    connected.push(one);
    return one;
  }
  const text = (result: Readonly<Record<string, unknown>>) =>
    (result['content'] as { text: string }[])[0]?.text;

  test('lists, reads, prompts and completes', async () => {
    const { client } = await open();
    const { tools } = await client.listTools();
    const { contents } = await client.readResource({ uri: 'notes:///1' });
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { who: 'Ada' } });
    const ref = { type: 'ref/prompt' as const, name: 'greet' };
    const { completion } = await client.complete({ ref, argument: { name: 'who', value: 'a' } });

    expect(tools.map(({ name }) => name)).toEqual(['count', 'book', 'guess', 'wait', 'write_note']);
    expect((await client.listResources()).resources).toEqual([{ uri: 'notes:///1', name: 'first' }]);
    expect((await client.listPrompts()).prompts).toMatchObject([{ name: 'greet' }]);
    expect(contents).toEqual([{ uri: 'notes:///1', text: 'the first note' }]);
    expect(messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Greet Ada' } }]);
    expect(completion.values).toEqual(['Ada', 'Alan']);
  });

  test('sees each step before the next, and the result last', async () => {
    const { call, setLevel, messages } = await open();
    await setLevel('warning');
    const before = messages.length;
    const result = await call('count', { steps: 2 }, { progress: true });

    const came = messages.slice(before).map(({ method, params, result: answer }) => {
      if (method === 'notifications/message') return params?.['data'];
      return method === 'notifications/progress' ? params?.['message'] : answer?.['structuredContent'];
    });
    expect(came).toEqual(['step 1', 'Step 1/2', 'step 2', 'Step 2/2', { counted: 2 }]);
    expect(result['structuredContent']).toEqual({ counted: 2 });
  });

  test('gets the log messages of its level and above, and no progress that it did not ask for', async () => {
    const { call, setLevel, messages } = await open();
    const countOf = (method: string) => messages.filter((message) => message.method === method).length;
    await setLevel('debug');
    await call('count', { steps: 3 });
    expect(countOf('notifications/message')).toBe(6);

    await setLevel('error');
    await call('count', { steps: 3 });
    expect(countOf('notifications/message')).toBe(6);
    expect(countOf('notifications/progress')).toBe(0);
  });

  test.each([
    [{ action: 'accept', content: { day: 'Friday' } }, 'booked Friday'],
    [{ action: 'decline' }, 'not booked: decline'],
    [{ action: 'cancel' }, 'not booked: cancel'],
  ])('asks its user: %j', async (elicitation, expected) => {
    const { call } = await open({ elicitation });

    expect(text(await call('book'))).toBe(expected);
  });

  test('asks its model', async () => {
    const answer = { role: 'assistant', content: { type: 'text', text: 'seven' }, model: 'test' };
    const { call } = await open({ sampling: answer });

    expect(text(await call('guess'))).toBe('guessed seven');
  });

  test('stops the tool within a second of a cancellation', async () => {
    const { call } = await open();
    const cancellation = new AbortController();
    const waiting = once(seen, 'waiting');
    const answered = call('wait', {}, { signal: cancellation.signal });
    await waiting;
    const aborted = once(seen, 'aborted', withinASecond());
    cancellation.abort();

    await expect(answered).rejects.toThrow();
    await aborted;
    expect(text(await call('count', { steps: 1 }))).toBe('{"counted":1}'); // and the connection lives on
  });

  test('hears of changes that another client makes', async () => {
    const { watch, notification } = await open();
    await watch('notes:///1');
    const writer = await open();
    await writer.call('write_note');

    await notification('notifications/tools/list_changed');
    const { params } = await notification('notifications/resources/updated');
    expect(params).toMatchObject({ uri: 'notes:///1' });
  });

  test('is refused with a wrong key, and no tool runs', async () => {
    const wrong = `${server.key.slice(0, -1)}${server.key.endsWith('a') ? 'b' : 'a'}`;

    await expect(open({}, { 'X-Api-Key': wrong })).rejects.toThrow();

    const records = await close();
    expect(records.length).toBeGreaterThan(0);
    for (const record of records) {
      expect(record).toMatchObject({ decision: 'deny', reason: 'credentials_invalid', 'http.status': 401 });
    }
  });

  test('leaves one record of each request in the audit, and the key in none', async () => {
    const { call } = await open({}, { Authorization: `Bearer ${server.key}` });
    await call('count', { steps: 1 });

    const records = await close();
    const calls = records.filter((record) => record['mcp.method.name'] === 'tools/call');
    const hasEnded = ({ stage }: AuditLine) => stage === 'completed' || stage === 'stream-close';
    const ended = records.filter(hasEnded).map((record) => record['requestId']);
    expect(calls[0]).toMatchObject({ stage: 'received' });
    expect(calls.filter(hasEnded)).toHaveLength(1);
    expect(new Set(calls.map((record) => record['requestId'])).size).toBe(1);
    expect(calls.at(-1)).toMatchObject({
      'mcp.era': era,
      'gen_ai.tool.name': 'count',
      decision: 'allow',
      'http.status': 200,
      caller: { method: 'api-key', keyId: server.key.split('_')[2] },
    });
    expect(new Set(ended).size).toBe(ended.length);
    expect(JSON.stringify(records)).not.toContain(server.key.split('_')[3]);
  });

  const inSession = era === '2025' ? test : undefined; // what the other era has no way to do
  inSession?.('ends its session by DELETE, and nobody can use it again', async () => {
    const { sessionId = '', end } = await open();
    const ping = () =>
      fetch(server.url, {
        method: 'POST',
        headers: {
          'X-Api-Key': server.key,
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'Mcp-Session-Id': sessionId,
        },
        body: '{"jsonrpc":"2.0","id":9,"method":"ping"}',
      });
    const before = await ping();
    await end();
    const after = await ping();

    expect(sessionId).not.toBe('');
    expect([before.status, after.status]).toEqual([200, 404]);
    expect(await after.json()).toMatchObject({ id: 9, error: { data: { code: 'session_not_found' } } });
  });

  test('has a session only where its era knows them', async () => {
    expect((await open()).sessionId !== undefined).toBe(era === '2025');
  });
});
