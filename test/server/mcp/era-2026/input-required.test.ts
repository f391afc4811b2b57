import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import {
  type AskRequest,
  definePrompt,
  defineResource,
  defineTool,
} from '../../../../src/server/mcp/definitions/tool.js';
import { memoryUsedOnce } from '../../../../src/server/stores/memory/used-once.js';
import { answerOf, type Message } from '../../../helpers/raw-messages.js';
import { type Params, post, type RawOptions } from './raw-client.js';
import { KEY, startTestServer, type TestServer } from './test-server.js';

const form = (message: string, type = 'string') =>
  ({
    method: 'elicitation/create',
    params: {
      message,
      requestedSchema: { type: 'object', properties: { value: { type } }, required: ['value'] },
    },
  }) satisfies AskRequest;
const sample = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }], maxTokens: 5 },
} satisfies AskRequest;
const roots = { method: 'roots/list' } satisfies AskRequest;

const accept = (value: unknown) => ({ action: 'accept', content: { value } });
const sampled = { role: 'assistant', content: { type: 'text', text: 'Hello' }, model: 'test' };
const ALL = { elicitation: {}, sampling: {}, roots: {} };

/** What the tools did, in order. */
let effects: string[] = [];

const tools = [
  defineTool({
    name: 'delete',
    description: 'Asks, then acts',
    scopes: [],
    input: z.object({ path: z.string(), force: z.boolean().optional() }),
    run: async ({ path }, context) => {
      effects.push(`run ${path}`);
      const { action, content } = await context.ask('confirm', form(`Delete ${path}?`));
      if (action !== 'accept') return 'kept';
      effects.push(`deleted ${path} as ${String(content?.['value'])}`);
      return 'deleted';
    },
  }),
  defineTool({
    name: 'other',
    description: 'Asks the same as the other tool',
    scopes: [],
    input: z.object({ path: z.string() }),
    run: async ({ path }, context) => {
      await context.ask('confirm', form(`Delete ${path}?`));
      effects.push(`other ${path}`);
      return 'done';
    },
  }),
  defineTool({
    name: 'steps',
    description: 'Asks one thing after the other',
    scopes: [],
    input: z.object({}),
    run: async (_input, context) => {
      const name = await context.ask('name', form('Name?'));
      const age = await context.ask('age', form(`Age of ${String(name.content?.['value'])}?`, 'integer'));
      return JSON.stringify([name.content, age.content]);
    },
  }),
  defineTool({
    name: 'together',
    description: 'Asks three things at once',
    scopes: [],
    input: z.object({}),
    run: async (_input, context) =>
      JSON.stringify(
        await Promise.all([
          context.ask('form', form('Name?')),
          context.ask('model', sample),
          context.ask('where', roots),
        ]),
      ),
  }),
  defineTool({
    name: 'stubborn',
    description: 'Takes no refusal for an answer, and forgets to await',
    scopes: [],
    input: z.object({}),
    run: async (_input, context) => {
      const first = context.ask('first', form('First?'));
      const second = context.ask('second', form('Second?'));
      try {
        await first;
      } catch {
        return 'went on without you';
      }
      return JSON.stringify(await second);
    },
  }),
  defineTool({
    name: 'fickle',
    description: 'Asks something else each time',
    scopes: [],
    input: z.object({}),
    run: async (_input, context) => {
      effects.push('asked');
      await context.ask('confirm', form(`Delete ${effects.length} files?`));
      effects.push('deleted');
      return 'deleted';
    },
  }),
  defineTool({
    name: 'choosy',
    description: 'Asks only what the client can answer',
    scopes: [],
    input: z.object({}),
    run: async (_input, context) =>
      context.canAsk('elicitation/create')
        ? JSON.stringify(await context.ask('form', form('Name?')))
        : JSON.stringify(await context.ask('model', sample)),
  }),
];
const prompts = [
  definePrompt({
    name: 'greet',
    description: 'Asks whom',
    scopes: [],
    arguments: [
      {
        name: 'style',
        complete: async (_prefix, context) => [JSON.stringify(await context.ask('x', roots))],
      },
    ],
    render: async (_args, context) => {
      const { content } = await context.ask('who', form('Who?'));
      return [{ role: 'user', content: { type: 'text', text: `Greet ${String(content?.['value'])}` } }];
    },
  }),
];
const resources = [
  defineResource({
    name: 'locked',
    description: 'Asks for a word',
    scopes: [],
    uri: 'test://locked/{id}',
    read: async (uri, _variables, context) => {
      const { content } = await context.ask('word', form('Word?'));
      return { uri, text: String(content?.['value']) };
    },
  }),
];

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ tools, prompts, resources });
});
beforeEach(() => {
  effects = [];
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(() => server.close());

const call = async (
  name: string,
  args: Params,
  more: Params = {},
  options: RawOptions = {},
): Promise<Message> =>
  answerOf(
    await post(
      server.url,
      'tools/call',
      { name, arguments: args, ...more },
      { capabilities: ALL, ...options },
    ),
  );
const stateOf = ({ result }: Message) => String(result?.['requestState']);
const textOf = ({ result }: Message) => (result?.['content'] as { text: string }[] | undefined)?.[0]?.text;
const INVALID_STATE = {
  code: -32602,
  message: 'Invalid or expired requestState',
  data: { reason: 'invalid_request_state' },
};

describe('rounds', () => {
  test('a question goes out with a state, and its answer lets the tool act once', async () => {
    const first = await call('delete', { path: 'a' });

    expect(first.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { confirm: form('Delete a?') },
      requestState: expect.any(String),
    });
    expect(effects).toEqual(['run a']); // nothing before the question was answered

    const second = await call(
      'delete',
      { path: 'a' },
      { requestState: stateOf(first), inputResponses: { confirm: accept('me') } },
    );
    expect(second.result).toMatchObject({ resultType: 'complete' });
    expect(textOf(second)).toBe('deleted');
    expect(effects).toEqual(['run a', 'run a', 'deleted a as me']);
  });

  test('an answer that the store cannot take is refused as 503, has no effect, and may come again', async () => {
    let isFull = true;
    const kept = memoryUsedOnce();
    const full = memoryUsedOnce({ maxKeys: 0 });
    const usedOnce = {
      ...kept,
      take: (...args: Parameters<typeof kept.take>) => (isFull ? full : kept).take(...args),
    };
    const own = await startTestServer({ tools }, { requestState: { keys: [KEY], ttlS: 600, usedOnce } });
    const ask = (more: Params = {}) =>
      post(
        own.url,
        'tools/call',
        { name: 'delete', arguments: { path: 'a' }, ...more },
        { capabilities: ALL },
      );
    const requestState = stateOf(await answerOf(await ask()));
    const answers = { requestState, inputResponses: { confirm: accept('me') } };
    const refused = await ask(answers);
    isFull = false;

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]/);
    expect(await refused.json()).toMatchObject({ error: { code: 503, data: { code: 'store_unavailable' } } });
    expect(own.audits.at(-1)).toMatchObject({ decision: 'deny', reason: 'store_unavailable' });
    expect(own.logged).toEqual([]);
    expect(effects).toEqual(['run a']);
    expect(textOf(await answerOf(await ask(answers)))).toBe('deleted');
    await own.close();
  });

  test('an answer that has set off its effects is refused when it comes again, even at the same moment', async () => {
    const first = await call('delete', { path: 'a' });
    const answer = { requestState: stateOf(first), inputResponses: { confirm: accept('me') } };
    const replies = await Promise.all([1, 2, 3].map(() => call('delete', { path: 'a' }, answer)));
    const later = await call('delete', { path: 'a' }, answer);

    expect(replies.filter(({ result }) => result !== undefined)).toHaveLength(1);
    expect(later.error).toMatchObject({ code: -32602, data: { reason: 'request_state_used' } });
    expect(effects.filter((effect) => effect.startsWith('deleted'))).toHaveLength(1);
    expect((await call('delete', { path: 'a' })).result).toMatchObject({ resultType: 'input_required' });
  });

  test('an answer that only led to the next question may come again', async () => {
    const first = await call('steps', {});
    const answer = { requestState: stateOf(first), inputResponses: { name: accept('Ada') } };

    for (const _ of [1, 2]) {
      const second = await call('steps', {}, answer);
      expect(second.result?.['inputRequests']).toEqual({ age: form('Age of Ada?', 'integer') });
    }
  });

  test('questions asked one after the other keep the earlier answers, in a state that changes', async () => {
    const first = await call('steps', {});
    const second = await call(
      'steps',
      {},
      { requestState: stateOf(first), inputResponses: { name: accept('Ada') } },
    );
    expect(second.result?.['inputRequests']).toEqual({ age: form('Age of Ada?', 'integer') });
    expect(stateOf(second)).not.toBe(stateOf(first));

    const third = await call(
      'steps',
      {},
      { requestState: stateOf(second), inputResponses: { age: accept(36) } },
    );
    expect(textOf(third)).toBe('[{"value":"Ada"},{"value":36}]');
  });

  test('answers to thousands of keys that nobody asked are not carried on in the state', async () => {
    const first = await call('steps', {});
    const answers = { name: accept('Ada') };
    const unasked = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`key${i}`, accept(i)]));
    const send = (inputResponses: Params) =>
      call('steps', {}, { requestState: stateOf(first), inputResponses });
    const [plain, flooded] = [await send(answers), await send({ ...unasked, ...answers })];

    expect(flooded.result?.['inputRequests']).toEqual(plain.result?.['inputRequests']);
    expect(stateOf(flooded)).toHaveLength(stateOf(plain).length);
  });

  test('questions asked together go out together, and what is still missing is asked again alone', async () => {
    const first = await call('together', {});
    expect(Object.keys(first.result?.['inputRequests'] as object)).toEqual(['form', 'model', 'where']);

    const second = await call(
      'together',
      {},
      { requestState: stateOf(first), inputResponses: { form: accept('Ada'), where: { roots: [] } } },
    );
    expect(Object.keys(second.result?.['inputRequests'] as object)).toEqual(['model']);

    const third = await call(
      'together',
      {},
      { requestState: stateOf(second), inputResponses: { model: sampled } },
    );
    expect(JSON.parse(textOf(third) ?? '')).toEqual([accept('Ada'), sampled, { roots: [] }]);
  });

  test('a model may answer with several blocks', async () => {
    const model = { ...sampled, content: [sampled.content, { type: 'text', text: ' you' }] };
    const first = await call('together', {});
    const inputResponses = { form: accept('Ada'), model, where: { roots: [] } };
    const second = await call('together', {}, { requestState: stateOf(first), inputResponses });

    expect(JSON.parse(textOf(second) ?? '')).toEqual([accept('Ada'), model, { roots: [] }]);
  });

  test.each([
    ['no content', 'nothing'],
    ['no blocks', { ...sampled, content: [] }],
    ['a block that is none', { ...sampled, content: [sampled.content, { type: 'text' }] }],
  ])('an answer that does not fit is asked again once, then the call fails: %s', async (_what, model) => {
    const first = await call('together', {});
    const answer = (before: Message, more: Params = {}) =>
      call('together', {}, { requestState: stateOf(before), inputResponses: { model, ...more } });
    const second = await answer(first, { form: accept('Ada'), where: { roots: [] } });
    expect(Object.keys(second.result?.['inputRequests'] as object)).toEqual(['model']);
    const third = await answer(second);

    expect(third.result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('not valid') }],
    });
    const mended = await call(
      'together',
      {},
      { requestState: stateOf(second), inputResponses: { model: sampled } },
    );
    expect(mended.error).toMatchObject({ data: { reason: 'request_state_used' } });
  });

  test('a tool that swallows the interruption cannot answer without its answers, nor end the process', async () => {
    const first = await call('stubborn', {});

    expect(first.result).toMatchObject({ resultType: 'input_required' });
    expect(Object.keys(first.result?.['inputRequests'] as object)).toEqual(['first', 'second']);
  });

  test('prompts and resources ask too, completion never', async () => {
    const ask = async (method: string, params: Params) =>
      answerOf(await post(server.url, method, params, { capabilities: ALL }));
    const prompt = await ask('prompts/get', { name: 'greet' });
    const state = { requestState: stateOf(prompt), inputResponses: { who: accept('Ada') } };
    const greeted = await ask('prompts/get', { name: 'greet', ...state });
    const read = await ask('resources/read', { uri: 'test://locked/1' });
    const argument = { name: 'style', value: '' };
    const completed = await ask('completion/complete', {
      ref: { type: 'ref/prompt', name: 'greet' },
      argument,
    });

    expect(prompt.result?.['inputRequests']).toEqual({ who: form('Who?') });
    expect(JSON.stringify(greeted.result)).toContain('Greet Ada');
    expect(read.result).toMatchObject({ resultType: 'input_required' });
    expect(read.result).not.toHaveProperty('ttlMs');
    expect(completed.result).toBeUndefined();
    expect(completed.error).toMatchObject({ code: -32603 });
  });

  test("the SDK's own client drives the rounds by itself", async () => {
    const client = await server.connect({ elicitation: {}, sampling: {}, roots: {} });
    client.setRequestHandler('elicitation/create', async ({ params }) => ({
      action: 'accept',
      content: { value: params.message.startsWith('Age') ? 36 : 'Ada' },
    }));
    const result = await client.callTool({ name: 'steps', arguments: {} });

    expect(result.content).toEqual([{ type: 'text', text: '[{"value":"Ada"},{"value":36}]' }]);
  });
});

describe('answers', () => {
  test.each([
    ['of another shape', 12345],
    ['without an action', { content: { value: 'x' } }],
    ['wrapped in its request', { method: 'elicitation/create', result: accept('x') }],
    ['that the requested schema refuses', accept(7)],
    ['accepted without content', { action: 'accept' }],
  ])('an answer %s is asked for again', async (_what, answer) => {
    const requestState = stateOf(await call('delete', { path: 'a' }));
    const again = await call('delete', { path: 'a' }, { requestState, inputResponses: { confirm: answer } });

    expect(again.result).toMatchObject({ inputRequests: { confirm: form('Delete a?') } });
    expect(effects).toEqual(['run a', 'run a']);
  });

  test('declining is an answer', async () => {
    const requestState = stateOf(await call('delete', { path: 'a' }));
    const inputResponses = { confirm: { action: 'decline' } };

    expect(textOf(await call('delete', { path: 'a' }, { requestState, inputResponses }))).toBe('kept');
  });

  test('answers without a state are not looked at, nor answers to what was not asked', async () => {
    const unasked = await call('delete', { path: 'a' }, { inputResponses: { confirm: accept('me') } });
    expect(unasked.result).toMatchObject({ resultType: 'input_required' });

    const first = await call('steps', {});
    const inputResponses = { name: accept('Ada'), age: accept(36), other: accept('x') };
    const second = await call('steps', {}, { requestState: stateOf(first), inputResponses });
    expect(second.result?.['inputRequests']).toEqual({ age: form('Age of Ada?', 'integer') });
    expect(effects).not.toContain('deleted a as me');
  });

  test('an answer is never taken for a question that has changed since', async () => {
    const requestState = stateOf(await call('fickle', {}));
    const second = await call('fickle', {}, { requestState, inputResponses: { confirm: accept('yes') } });

    expect(second.result).toMatchObject({ inputRequests: { confirm: form('Delete 2 files?') } });
    expect(effects).toEqual(['asked', 'asked']);
  });
});

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The last character of 43 carries two bits that no decoder looks at. */
const withUnusedBits = (state: string) =>
  state.slice(0, -1) + String(ALPHABET[ALPHABET.indexOf(state.at(-1) ?? '') ^ 1]);
const swapAlphabet = (state: string) => state.replaceAll('-', '+').replaceAll('_', '/');

describe('a state that is not for this request is refused and nothing runs', () => {
  const retry = (name: string, args: Params, requestState: unknown, caller = 'alice') =>
    call(name, args, { requestState, inputResponses: { confirm: accept('me') } }, { caller });

  test.each([
    ['tampered', (state: string) => `${state}-TAMPERED`],
    ['with padding', (state: string) => `${state}=`],
    ['with white space', (state: string) => `${state}\n`],
    ['in the other base64 alphabet', (state: string) => swapAlphabet(state)],
    ['with unused bits set', (state: string) => withUnusedBits(state)],
    ['with its payload changed', (state: string) => state.replace('v1.e', 'v1.f')],
    ['that is no string', () => 5],
    ['that is empty', () => ''],
    ['of half a megabyte', () => `v1.${'A'.repeat(512 * 1024)}.AAAA`],
  ])('a state %s', async (_what, change) => {
    let requestState = stateOf(await call('delete', { path: 'a' }));
    // Not every state has a character that the other alphabet writes differently.
    while (change(requestState) === requestState) requestState = stateOf(await call('delete', { path: 'a' }));
    effects = [];
    const received = jest.fn();
    server.calls.on('received', received);
    const answer = await retry('delete', { path: 'a' }, change(requestState));
    server.calls.off('received', received);

    expect(answer.error?.code).toBe(-32602);
    expect(effects).toEqual([]);
    expect(received).not.toHaveBeenCalled();
    expect(server.audits.at(-1)).toMatchObject({ 'rpc.code': -32602 });
  });

  test.each([
    ['of another caller', 'delete', { path: 'a' }, 'mallory'],
    ['of another tool', 'other', { path: 'a' }, 'alice'],
    ['of other arguments', 'delete', { path: 'b' }, 'alice'],
    ['of fewer arguments', 'delete', { path: 'a', force: true }, 'alice'],
  ])('a state %s', async (_what, name, args, caller) => {
    const requestState = stateOf(await call('delete', { path: 'a' }));
    effects = [];

    expect((await retry(name, args, requestState, caller)).error).toEqual(INVALID_STATE);
    expect(effects).toEqual([]);
  });

  test('a state of another method', async () => {
    const requestState = stateOf(await call('delete', { path: 'a' }));
    const params = { name: 'greet', requestState, inputResponses: { who: accept('x') } };
    const answer = await answerOf(await post(server.url, 'prompts/get', params, { capabilities: ALL }));

    expect(answer.error).toEqual(INVALID_STATE);
  });

  test('a state after its time', async () => {
    const requestState = stateOf(await call('delete', { path: 'a' }));
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + 602_000);

    expect((await retry('delete', { path: 'a' }, requestState)).error).toEqual(INVALID_STATE);
  });

  test('the order of the arguments does not matter', async () => {
    const requestState = stateOf(await call('delete', { path: 'a', force: true }));

    expect(textOf(await retry('delete', { force: true, path: 'a' }, requestState))).toBe('deleted');
  });

  test('answers too large to carry are refused', async () => {
    const requestState = stateOf(await call('steps', {}));
    const inputResponses = { name: accept('x'.repeat(300_000)) };
    const answer = await call('steps', {}, { requestState, inputResponses });

    expect(answer.error).toMatchObject({ code: -32602, message: 'The answers are too large' });
  });
});

describe('keys', () => {
  const NEW = Buffer.alloc(32, 2);
  const ask = async (url: string, more: Params = {}) =>
    answerOf(
      await post(
        url,
        'tools/call',
        { name: 'delete', arguments: { path: 'a' }, ...more },
        { capabilities: ALL },
      ),
    );

  test('the first key seals and all open; a key that is gone opens nothing', async () => {
    const both = await startTestServer(
      { tools },
      { requestState: { keys: [NEW, KEY], ttlS: 600, usedOnce: memoryUsedOnce() } },
    );
    const only = await startTestServer(
      { tools },
      { requestState: { keys: [NEW], ttlS: 600, usedOnce: memoryUsedOnce() } },
    );
    const inputResponses = { confirm: accept('me') };
    try {
      const old = { requestState: stateOf(await ask(server.url)), inputResponses };
      const fresh = { requestState: stateOf(await ask(both.url)), inputResponses };

      expect(textOf(await ask(both.url, old))).toBe('deleted');
      expect(textOf(await ask(only.url, fresh))).toBe('deleted');
      expect((await ask(only.url, old)).error).toEqual(INVALID_STATE);
      expect((await ask(server.url, fresh)).error).toEqual(INVALID_STATE);
    } finally {
      await both.close();
      await only.close();
    }
  });

  test('no key at all fails at start-up', async () => {
    await expect(
      startTestServer({}, { requestState: { keys: [], ttlS: 600, usedOnce: memoryUsedOnce() } }),
    ).rejects.toThrow(TypeError);
  });
});

describe('capabilities', () => {
  const missing = (capability: string) => ({
    code: -32021,
    data: { code: 'missing_capability', requiredCapabilities: { [capability]: {} } },
  });

  test.each([
    ['nothing', {}],
    ['other kinds only', { sampling: {} }],
    ['another mode only', { elicitation: { url: {} } }],
  ])('a client that declares %s is never asked: 400', async (_what, capabilities) => {
    const params = { name: 'delete', arguments: { path: 'a' } };
    const res = await post(server.url, 'tools/call', params, { capabilities });

    expect(res.status).toBe(400);
    expect((await answerOf(res)).error).toMatchObject(missing('elicitation'));
    expect(effects).toEqual(['run a']);
  });

  test('a tool can see what its client declared, with this request and not with an earlier one', async () => {
    const able = await call('choosy', {}, {}, { capabilities: { elicitation: { form: {} } } });
    const unable = await call('choosy', {}, {}, { capabilities: { sampling: {} } });
    const silent = await call('choosy', {}, {}, { capabilities: {} });

    expect(Object.keys(able.result?.['inputRequests'] as object)).toEqual(['form']);
    expect(Object.keys(unable.result?.['inputRequests'] as object)).toEqual(['model']);
    expect(silent.error).toMatchObject(missing('sampling'));
  });
});
