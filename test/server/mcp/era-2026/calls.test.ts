import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  definePrompt,
  defineResource,
  defineTool,
  LOG_LEVELS,
} from '../../../../src/server/mcp/definitions/tool.js';
import { answerOf, type Message, messages, next } from '../../../helpers/raw-messages.js';
import { type Params, post, type RawOptions } from './raw-client.js';
import { startTestServer, type TestServer } from './test-server.js';

/** What the tools saw: `started`, `cancelled` and `finished` of `wait`, which ends at `release`. */
const seen = new EventEmitter();
let runs = 0;

const tools = [
  defineTool({
    name: 'whoami',
    description: 'Says who calls',
    scopes: [],
    input: z.object({}),
    run: (_input, { caller }) => {
      runs++;
      return caller.subject;
    },
  }),
  defineTool({
    name: 'report',
    description:
      'Logs at every level, reports progress that does not always grow, and does not know when to stop',
    scopes: [],
    input: z.object({ who: z.string() }),
    run: async ({ who }, context) => {
      for (const level of LOG_LEVELS) context.log(level, `${who} ${level}`);
      for (const done of [1, 1, 3, 2, Number.NaN, 4]) context.progress(done, 4, who);
      setImmediate(() => {
        setImmediate(() => {
          context.log('emergency', 'too late');
          seen.emit('too late');
        });
      });
      return 'reported';
    },
  }),
  defineTool({
    name: 'wait',
    description: 'Waits to be released or cancelled',
    scopes: [],
    input: z.object({ name: z.string() }),
    run: async ({ name }, context) => {
      context.log('info', 'waiting');
      context.signal.addEventListener('abort', () => seen.emit(`cancelled ${name}`), { once: true });
      const released = once(seen, `release ${name}`, { signal: context.signal });
      seen.emit(`started ${name}`);
      await released;
      seen.emit(`finished ${name}`);
      return 'released';
    },
  }),
  defineTool({
    name: 'broken',
    description: 'Returns what no schema knows',
    scopes: [],
    input: z.object({}),
    run: () => ({ content: [{ type: 'secret-type', text: 'x' } as never] }),
  }),
  defineTool({
    name: 'restricted',
    description: 'Needs a scope',
    scopes: ['special'],
    input: z.object({}),
    run: () => 'special',
  }),
];
const prompts = [
  definePrompt({
    name: 'fails',
    description: 'Throws',
    scopes: [],
    arguments: [],
    render: () => {
      throw new Error('the password is 1234');
    },
  }),
];
const resources = [
  defineResource({
    name: 'text',
    description: 'A text',
    scopes: [],
    uri: 'test://text',
    read: async (uri) => ({ uri, text: 'hello' }),
  }),
];

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ tools, prompts, resources });
});
afterAll(() => server.close());

const send = (method: string, params?: Params, options?: RawOptions) =>
  post(server.url, method, params, options);
const ask = async (method: string, params?: Params, options?: RawOptions): Promise<Message> =>
  answerOf(await send(method, params, options));
const callParams = (name: string, args: Params = {}) => ({ name, arguments: args });

describe('answers', () => {
  test('discovery says what is served, to be kept by anybody', async () => {
    const { result } = await ask('server/discover');

    expect(result).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true } },
      cacheScope: 'public',
      _meta: {
        'io.modelcontextprotocol/serverInfo': { name: expect.any(String), version: expect.any(String) },
      },
    });
    expect(result?.['ttlMs']).toBeGreaterThan(0);
  });

  test.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])(
    '%s may be kept by its caller only',
    async (method) => {
      const { result } = await ask(method);
      expect(result).toMatchObject({ resultType: 'complete', cacheScope: 'private' });
      expect(result?.['ttlMs']).toBeGreaterThanOrEqual(0);
    },
  );

  test('what a list shows to one caller, it does not show to the next', async () => {
    const names = async (caller: string) =>
      ((await ask('tools/list', {}, { caller })).result?.['tools'] as { name: string }[] | undefined)?.map(
        ({ name }) => name,
      );

    expect(await names('alice special')).toContain('restricted');
    expect(await names('bob')).not.toContain('restricted');
  });

  test('a plain answer is JSON and names the server', async () => {
    const res = await send('tools/call', callParams('whoami'), { caller: 'bob' });

    expect(res.status).toBe(200);
    expect(res.headers.get('content-type')).toBe('application/json');
    expect((await answerOf(res)).result).toMatchObject({
      resultType: 'complete',
      content: [{ type: 'text', text: 'bob' }],
      _meta: { 'io.modelcontextprotocol/serverInfo': expect.anything() },
    });
  });

  test.each([
    ['server/discover', {}],
    ['tools/list', {}],
    ['tools/call', { name: 'whoami', arguments: {} }],
    ['tools/call', { name: 'broken', arguments: {} }],
  ])('of %s says its type', async (method, params) => {
    const { result } = await answerOf(await post(server.url, method, params));

    expect(result).toHaveProperty('resultType', 'complete');
  });

  test("the SDK's own client discovers, lists, calls and reads", async () => {
    const client = await server.connect();

    expect(client.getProtocolEra()).toBe('modern');
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('whoami');
    expect((await client.callTool({ name: 'whoami', arguments: {} })).content).toEqual([
      { type: 'text', text: 'alice' },
    ]);
    expect((await client.readResource({ uri: 'test://text' })).contents).toEqual([
      { uri: 'test://text', text: 'hello' },
    ]);
  });

  test('callers with the same id at the same time get their own notifications and answers', async () => {
    const both = await Promise.all(
      ['alice', 'bob'].map(async (caller) => {
        const meta = { 'io.modelcontextprotocol/logLevel': 'debug', progressToken: 1 };
        const res = await send('tools/call', callParams('report', { who: caller }), { caller, meta });
        const all: Message[] = [];
        for await (const message of messages(res)) all.push(message);
        return JSON.stringify(all);
      }),
    );

    expect(both[0]).toContain('alice');
    expect(both[0]).not.toContain('bob');
    expect(both[1]).not.toContain('alice');
  });

  test('a notification is accepted without a body', async () => {
    const res = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2026-07-28' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: 1, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
      }),
    });

    expect(res.status).toBe(202);
    expect(await res.text()).toBe('');
  });
});

describe('errors', () => {
  test.each([
    'unknown/method',
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
    'toString',
  ])('%s does not exist in this revision: 404', async (method) => {
    const res = await send(method);
    const { id, error } = await answerOf(res);

    expect(res.status).toBe(404);
    expect(id).toEqual(expect.any(Number));
    expect(error).toMatchObject({ code: -32601, message: 'Method not found', data: { code: 'not_found' } });
  });

  test('nor does a method whose capability is not declared', async () => {
    const bare = await startTestServer({ tools }, { capabilities: { tools: {} } });
    try {
      const methods = ['tools/list', 'prompts/list', 'resources/list', 'completion/complete'];
      const statuses = methods.map(async (method) => (await post(bare.url, method)).status);
      expect(await Promise.all(statuses)).toEqual([200, 404, 404, 404]);
    } finally {
      await bare.close();
    }
  });

  test('an unknown tool is an error in the answer', async () => {
    const res = await send('tools/call', callParams('nope'));

    expect(res.status).toBe(200);
    expect((await answerOf(res)).error).toEqual({ code: -32602, message: 'Unknown tool' });
    expect(server.audits.at(-1)).toMatchObject({ 'rpc.code': -32602 });
  });

  test('params that break the schema are refused in our words', async () => {
    const params = { ref: { type: 'ref/evil-value' }, argument: { name: 'x', value: 'y' } };
    const { error } = await ask('completion/complete', params);

    expect(error).toEqual({ code: -32602, message: 'Invalid params' });
  });

  test.each(['protocolVersion', 'clientCapabilities'])(
    'a request without %s in its _meta is refused with 400 and -32602',
    async (name) => {
      const meta = { [`io.modelcontextprotocol/${name}`]: undefined };
      const res = await post(server.url, 'tools/call', { name: 'whoami', arguments: {} }, { meta });

      expect(res.status).toBe(400);
      expect((await answerOf(res)).error?.code).toBe(-32602);
    },
  );

  test('a definition that throws shows its caller the request id and nothing else', async () => {
    const { error } = await ask('prompts/get', { name: 'fails' });

    expect(error).toEqual({
      code: -32603,
      message: expect.stringMatching(/^Internal error \(request request-\d+\)$/),
    });
    expect(server.logged.at(-1)).toMatchObject({ err: { message: 'the password is 1234' } });
  });

  test('so does a result that breaks the schema', async () => {
    const answer = await ask('tools/call', callParams('broken'));

    expect(answer.result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('Internal error') }],
    });
    expect(JSON.stringify(answer)).not.toContain('secret-type');
    expect(server.logged.at(-1)).toHaveProperty('requestId');
  });

  test('without its audit record no tool runs: 503', async () => {
    const before = runs;
    const res = await send('tools/call', callParams('whoami'), { caller: 'unaudited' });

    expect(res.status).toBe(503);
    expect((await answerOf(res)).error?.data).toMatchObject({ code: 'audit_unavailable' });
    expect(runs).toBe(before);
  });
});

describe('notifications', () => {
  const report = async (meta: object): Promise<Message[]> => {
    const late = once(seen, 'too late');
    const res = await send('tools/call', callParams('report', { who: 'me' }), { meta });
    const all: Message[] = [];
    if (res.headers.get('content-type') === 'text/event-stream') {
      for await (const message of messages(res)) all.push(message);
    } else all.push(await answerOf(res));
    await late;
    return all;
  };
  const logs = (all: Message[]) =>
    all.filter(({ method }) => method === 'notifications/message').map(({ params }) => params?.['level']);

  test('without a level nothing is logged, without a token no progress is sent: the answer is JSON', async () => {
    const all = await report({});

    expect(all).toHaveLength(1);
    expect(all[0]?.result).toMatchObject({ content: [{ text: 'reported' }] });
  });

  test.each(LOG_LEVELS.map((level, i) => [level, LOG_LEVELS.slice(i)] as const))(
    'level %s lets itself and what is more severe through, before the answer and never after',
    async (level, expected) => {
      const all = await report({ 'io.modelcontextprotocol/logLevel': level });

      expect(logs(all)).toEqual(expected);
      expect(all.at(-1)).toHaveProperty('result');
      expect(all).toHaveLength(expected.length + 1);
    },
  );

  test('progress goes to its token and always grows', async () => {
    const all = await report({ progressToken: 'tok' });
    const progress = all.slice(0, -1).map(({ params }) => params);

    expect(progress).toEqual(
      [1, 3, 4].map((done) => ({ progressToken: 'tok', progress: done, total: 4, message: 'me' })),
    );
  });

  test('a level that does not exist is refused', async () => {
    const answer = await ask('tools/call', callParams('report', { who: 'me' }), {
      meta: { 'io.modelcontextprotocol/logLevel': 'loud' },
    });

    expect(answer.error).toMatchObject({ code: -32602 });
  });
});

describe('a client that goes away', () => {
  test.each([
    ['a stream', { 'io.modelcontextprotocol/logLevel': 'info' }],
    ['a plain answer', {}],
  ])('cancels its call within a second while it waits for %s', async (what, meta) => {
    const away = new AbortController();
    const started = once(seen, `started ${what}`);
    const cancelled = once(seen, `cancelled ${what}`);
    let finished = false;
    seen.once(`finished ${what}`, () => (finished = true));
    const res = send('tools/call', callParams('wait', { name: what }), { meta, signal: away.signal });
    res.catch(() => {});
    await started;
    if (Object.keys(meta).length > 0) {
      expect((await next(messages(await res))).method).toBe('notifications/message');
      expect(server.era.streams()).toBe(1);
    }

    const left = performance.now();
    away.abort();
    await cancelled;
    expect(performance.now() - left).toBeLessThan(1_000);
    await server.era.drain(); // no call is left behind
    expect(server.era.streams()).toBe(0);
    expect(finished).toBe(false);
  });

  test("the SDK's own client cancels the same way", async () => {
    const client = await server.connect();
    const away = new AbortController();
    const started = once(seen, 'started sdk');
    const cancelled = once(seen, 'cancelled sdk');
    const call = client.callTool({ name: 'wait', arguments: { name: 'sdk' } }, { signal: away.signal });
    call.catch(() => {});
    await started;
    away.abort();

    await cancelled;
    await expect(call).rejects.toThrow();
  });
});

describe('drain', () => {
  test('waits for the calls in flight, and their answers arrive', async () => {
    const started = once(seen, 'started last');
    const answer = ask('tools/call', callParams('wait', { name: 'last' }));
    await started;
    let drained = false;
    const draining = server.era.drain().then(() => (drained = true));
    await ask('server/discover'); // a whole exchange later
    expect(drained).toBe(false);

    seen.emit('release last');
    expect((await answer).result).toMatchObject({ content: [{ text: 'released' }] });
    await draining;
  });
});
