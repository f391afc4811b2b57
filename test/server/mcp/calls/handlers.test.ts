import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  definePrompt,
  defineResource,
  defineTool,
  ToolError,
} from '../../../../src/server/mcp/definitions/tool.js';
import { RefusedRequest } from '../../../../src/server/refusal.js';
import { Cancellation } from '../../../../src/server/mcp/calls/call.js';
import { callBy, startHandlers } from '../call.js';

type Run = Parameters<typeof defineTool>[0]['run'];
const toolThat = (run: Run, change: object = {}) =>
  defineTool({ name: 't', description: 'A tool', scopes: ['use'], input: z.object({}), run, ...change });
const text = (words: unknown) => ({ content: [{ type: 'text', text: words }], isError: true });
const SECRET = 'password=hunter2';

function callTool(run: Run, call = callBy(['use']), { tool = {}, options = {} } = {}) {
  const { handlers, logged } = startHandlers({ tools: [toolThat(run, tool)] }, options);
  return { result: (async () => handlers['tools/call']({ name: 't', arguments: {} }, call))(), logged };
}

describe('a tool', () => {
  test('that throws tells the caller the request id and nothing else; the log has the rest', async () => {
    const { result, logged } = callTool(() => {
      throw new Error(SECRET);
    });
    expect(await result).toEqual(text('Internal error (request request-1)'));
    expect(logged).toEqual([{ err: new Error(SECRET), requestId: 'request-1' }]);
  });

  test('that throws a ToolError speaks to the caller', async () => {
    const run = () => Promise.reject(new ToolError('Try again with less'));
    expect(await callTool(run).result).toEqual(text('Try again with less'));
  });

  test('that does not listen to its signal is over in time all the same', async () => {
    let signal: AbortSignal | undefined;
    const { result } = callTool(
      (_, context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
      callBy(['use']),
      { options: { timeoutMs: 20 } },
    );
    expect(await result).toEqual(text('The call took too long'));
    expect(signal?.aborted).toBe(true);
  });

  test('that is cancelled is over at once', async () => {
    const cancellation = new Cancellation();
    const { result } = callTool(() => new Promise(() => {}), callBy(['use'], { cancellation }));
    cancellation.cancel();
    expect(await result).toEqual(text('The call was cancelled'));
  });

  test('is not timed while its user answers, nor after its end', async () => {
    let signal: AbortSignal | undefined;
    let answer: (value: object) => void = () => {};
    const late = new Promise<object>((resolve) => (answer = resolve));
    const asks = [new Promise((resolve) => setTimeout(resolve, 60, {})), late];
    const call = callBy(['use'], { ask: () => asks.shift() as Promise<unknown> });
    const { result } = callTool(
      async (_, context) => {
        signal = context.signal;
        await context.ask('a', { method: 'roots/list' });
        void context.ask('b', { method: 'roots/list' });
        return 'done';
      },
      call,
      { options: { timeoutMs: 30 } },
    );
    expect(await result).toEqual({ content: [{ type: 'text', text: 'done' }] });
    answer({});
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(signal?.aborted).toBe(false);
  });

  test.each([
    ['too large a result', () => 'x'.repeat(2_000), {}, /larger than 1000 bytes/],
    [
      'a result against its schema',
      () => ({ structuredContent: { n: SECRET } }),
      { output: z.object({ n: z.number() }) },
      /^Internal error/,
    ],
  ])('sends an error in place of %s', async (_, run, tool, words) => {
    const result = await callTool(run, callBy(['use']), { tool }).result;
    expect(result).toEqual(text(expect.stringMatching(words)));
    expect(JSON.stringify(result)).not.toContain(SECRET);
  });

  test('adds the JSON text of a structured result for old clients', async () => {
    const tool = { output: z.object({ n: z.number() }) };
    const { result } = callTool(() => ({ structuredContent: { n: 1 } }), callBy(['use']), { tool });
    expect(await result).toEqual({
      content: [{ type: 'text', text: '{"n":1}' }],
      structuredContent: { n: 1 },
    });
  });

  test.each([
    ['the arguments are wrong', { tool: { input: z.object({ must: z.string() }) } }, callBy(['use'])],
    ['the caller lacks a scope', {}, callBy([])],
    [
      'the caller lacks a scope that all calls need',
      { options: { requiredScopes: ['all'] } },
      callBy(['use']),
    ],
    [
      'the call cannot be audited',
      {},
      callBy(['use'], {
        audit: { note: () => {}, received: () => Promise.reject(new RefusedRequest('audit_unavailable')) },
      }),
    ],
  ])('does not run when %s', async (_, change, call) => {
    let ran = false;
    const { result } = callTool(() => ((ran = true), 'done'), call, change);
    await result.catch(() => {});
    expect(ran).toBe(false);
  });
});

/** A handler of every kind that answers with what `make` returns, whatever that is, and how each is called. */
function everyKind(make: () => unknown, change: object = {}) {
  const { handlers, logged } = startHandlers(
    {
      tools: [
        defineTool({ name: 't', description: 'T', scopes: [], input: z.object({}), run: make as never }),
      ],
      resources: [
        defineResource({
          name: 'r',
          description: 'R',
          scopes: [],
          uri: 'x://{name}',
          list: make as never,
          complete: { name: make as never },
          read: make as never,
        }),
      ],
      prompts: [
        definePrompt({ name: 'p', description: 'P', scopes: [], arguments: [], render: make as never }),
      ],
    },
    change,
  );
  const ref = { type: 'ref/resource', uri: 'x://{name}' };
  const answers = {
    'tools/call': { name: 't' },
    'resources/read': { uri: 'x://a' },
    'prompts/get': { name: 'p' },
    'completion/complete': { ref, argument: { name: 'name', value: '' } },
    'resources/list': {},
  };
  const answer = async (method: keyof typeof answers) => handlers[method](answers[method], callBy([]));
  return { answer, logged };
}

const OTHERS = ['resources/read', 'prompts/get', 'completion/complete', 'resources/list'] as const;

test.each(OTHERS)('a ToolError of %s is -32602 in its own words, and no error of ours', async (method) => {
  const { answer, logged } = everyKind(() => {
    throw new ToolError('No such folder');
  });

  await expect(answer(method)).rejects.toMatchObject({ code: -32602, message: 'No such folder' });
  expect(logged).toEqual([]);
});

test.each(OTHERS)('a ToolError of %s that is too long is not sent', async (method) => {
  const { answer } = everyKind(() => {
    throw new ToolError('x'.repeat(2_000));
  });

  await expect(answer(method)).rejects.toMatchObject({ message: 'The result is larger than 1000 bytes' });
  expect(await everyKind(() => Promise.reject(new ToolError('"'.repeat(600)))).answer('tools/call')).toEqual(
    text('The result is larger than 1000 bytes'),
  );
});

test.each(['completion/complete', 'resources/list'] as const)('%s has a largest size', async (method) => {
  const uri = `x://${'a'.repeat(20)}`;
  const many = Array.from({ length: 100 }, () => (method === 'resources/list' ? { uri, name: uri } : uri));
  const { answer } = everyKind(async () => many);

  await expect(answer(method)).rejects.toMatchObject({ message: 'The result is larger than 1000 bytes' });
});

describe('what is no valid result', () => {
  const cyclic: Record<string, unknown> = { type: 'text', text: 'a' };
  cyclic['_meta'] = { cyclic };
  const wrong: Readonly<Record<string, unknown>> = {
    'no content block': { type: 'text' },
    'a block of no known kind': { type: 'video', data: 'AAAA' },
    'a cycle': cyclic,
    'a BigInt': { type: 'text', text: 'a', _meta: { n: 1n } },
    'a getter that throws': {
      type: 'text',
      text: 'a',
      get _meta() {
        throw new Error(SECRET);
      },
    },
    nothing: undefined,
    null: null,
    'a number': 7,
  };

  test.each(Object.keys(wrong))(
    'is a generic error of every kind of definition, logged once: %s',
    async (name) => {
      const value = wrong[name];
      const made = { 'tools/call': { content: [value] }, 'prompts/get': [{ role: 'user', content: value }] };
      for (const method of ['tools/call', 'prompts/get'] as const) {
        const { answer, logged } = everyKind(() => (value === undefined ? undefined : made[method]));
        const words = 'Internal error (request request-1)';

        if (method === 'tools/call') expect(await answer(method)).toEqual(text(words));
        else await expect(answer(method)).rejects.toMatchObject({ code: -32603, message: words });
        expect(logged).toEqual([{ err: expect.any(Error), requestId: 'request-1' }]);
      }
      for (const method of ['completion/complete', 'resources/list'] as const) {
        const { answer, logged } = everyKind(async () => [value]);

        await expect(answer(method)).rejects.toMatchObject({ code: -32603 });
        expect(logged).toHaveLength(1);
      }
    },
  );

  test.each([7, [], () => 'x'])('nor is %p the result of a tool', async (value) => {
    expect(await everyKind(() => value).answer('tools/call')).toEqual(
      text('Internal error (request request-1)'),
    );
  });
});

test('nothing follows the answer, and a log without data is none', async () => {
  const told: unknown[] = [];
  let goOn: () => void = () => {};
  const { result } = callTool(
    (_input, { log, progress }) => {
      for (const data of [undefined, () => {}, Symbol('s'), null, 'first']) log('info', data);
      goOn = () => {
        log('info', 'late');
        progress(2);
      };
      return 'done';
    },
    callBy(['use'], {
      log: (_level, data) => void told.push(data),
      progress: (done) => void told.push(done),
    }),
  );
  await result;
  goOn();

  expect(told).toEqual([null, 'first']);
});

test('the lists and completion do not wait for their audit record', async () => {
  const unaudited = callBy(['use'], {
    audit: { note: () => {}, received: () => Promise.reject(new Error('asked')) },
  });
  const { handlers } = startHandlers({
    tools: [toolThat(() => 'done')],
    prompts: [
      definePrompt({
        name: 'p',
        description: 'A prompt',
        scopes: [],
        arguments: [{ name: 'x', complete: async () => ['y'] }],
        render: () => [],
      }),
    ],
  });
  const argument = { name: 'x', value: '' };
  expect(handlers['tools/list']({}, unaudited).tools).toHaveLength(1);
  const params = { ref: { type: 'ref/prompt', name: 'p' }, argument };
  await expect(handlers['completion/complete'](params, unaudited)).resolves.toMatchObject({
    completion: { values: ['y'] },
  });
});

test('what is too large to send is an error instead, from resources and prompts too', async () => {
  const big = 'x'.repeat(2_000);
  const { handlers } = startHandlers({
    resources: [
      defineResource({
        name: 'r',
        description: 'A resource',
        scopes: [],
        uri: 'test://r',
        read: async (uri) => ({ uri, text: big }),
      }),
    ],
    prompts: [
      definePrompt({
        name: 'p',
        description: 'A prompt',
        scopes: [],
        arguments: [],
        render: () => [{ role: 'user', content: { type: 'text', text: big } }],
      }),
    ],
  });
  const tooLarge = { code: -32603, message: 'The result is larger than 1000 bytes' };

  await expect(handlers['resources/read']({ uri: 'test://r' }, callBy([]))).rejects.toMatchObject(tooLarge);
  await expect(handlers['prompts/get']({ name: 'p' }, callBy([]))).rejects.toMatchObject(tooLarge);
});

describe('names that are not ours', () => {
  const { handlers } = startHandlers({ tools: [toolThat(() => 'done')] });
  test.each([
    ['tools/call', { name: SECRET }],
    ['tools/call', { name: '__proto__' }],
    ['prompts/get', { name: SECRET }],
    ['resources/read', { uri: SECRET }],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: SECRET }, argument: { name: 'a', value: '' } },
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: SECRET }, argument: { name: 'a', value: '' } },
    ],
    ['tools/list', { cursor: SECRET }],
  ] as const)('are invalid params of %s and not repeated, case %#', async (method, params) => {
    const failed = await (async () => handlers[method](params, callBy(['use'])))().catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ code: -32602, message: expect.not.stringContaining(SECRET) });
  });
});

describe('lists', () => {
  const { handlers } = startHandlers(
    {
      tools: [toolThat(() => 'done'), toolThat(() => 'done', { name: 'free', scopes: [] })],
      resources: [
        defineResource({
          name: 'r',
          description: 'R',
          scopes: ['use'],
          uri: 'x://{name}',
          list: async () => [{ uri: 'x://a', name: 'a' }],
          read: async () => undefined,
        }),
      ],
    },
    { requiredScopes: ['all'] },
  );
  const names = async (scopes: readonly string[], method: 'api-key' | 'jwt') => {
    const { caller, ...call } = callBy(scopes);
    const asked = { ...call, caller: { ...caller, method } };
    const { tools } = handlers['tools/list']({}, asked) as { tools: { name: string }[] };
    const { resources } = (await handlers['resources/list']({}, asked)) as { resources: { name: string }[] };
    return [...tools, ...resources].map(({ name }) => name);
  };

  test.each([
    ['a key sees what it may call', ['all', 'use'], 'api-key', ['t', 'free', 'a']],
    ['a key without a scope', ['all'], 'api-key', ['free']],
    ['a key without the scope that all calls need', ['use'], 'api-key', []],
    ['a token sees what it could step up to, but no data', ['all'], 'jwt', ['t', 'free']],
  ] as const)('%s', async (_, scopes, method, expected) => {
    expect(await names(scopes, method)).toEqual(expected);
  });
});

describe('completion', () => {
  const values = Array.from({ length: 150 }, (_, i) => `Value ${i}`);
  const definitions = {
    prompts: [
      definePrompt({
        name: 'p',
        description: 'P',
        scopes: ['use'],
        arguments: [{ name: 'x', complete: async () => values }],
        render: () => [],
      }),
    ],
    resources: [
      defineResource({
        name: 'r',
        description: 'R',
        scopes: [],
        uri: 'x://{name}',
        complete: { name: async () => values },
        read: async () => undefined,
      }),
    ],
  };
  const { handlers } = startHandlers(definitions, { maxResultBytes: 5_000 });
  const prompt = { type: 'ref/prompt', name: 'p' };
  const template = { type: 'ref/resource', uri: 'x://{name}' };

  test.each([
    ['a prompt argument, whatever the case', prompt, 'x', 'vALUE 14', ['use'], 11],
    ['a template variable, at most 100 shown', template, 'name', '', [], 150],
    ['nothing to a caller without the scope', prompt, 'x', '', [], 0],
    ['nothing for an argument that has no candidates', prompt, 'y', '', ['use'], 0],
    ['nothing for a name that every object has', template, 'constructor', '', [], 0],
  ])('answers %s', async (_, ref, name, value, scopes, total) => {
    const { completion } = await handlers['completion/complete'](
      { ref, argument: { name, value } },
      callBy(scopes),
    );
    expect(completion).toMatchObject({ total, hasMore: total > 100 });
    expect(completion.values).toHaveLength(Math.min(total, 100));
  });
});
