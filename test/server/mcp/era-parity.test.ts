import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  definePrompt,
  defineResource,
  defineTool,
  ToolError,
  type Definitions,
} from '../../../src/server/mcp/definitions/tool.js';
import { serve, type Served } from '../../helpers/serve.js';
import {
  callIn2025,
  callIn2026,
  compare,
  inEveryResult,
  type Permitted,
  permittedIn,
  type SameCall,
  toolCall,
} from '../../helpers/two-eras.js';

const seen = new EventEmitter();
const tool = (name: string, run: Parameters<typeof defineTool>[0]['run'], more: object = {}) =>
  defineTool({ name, description: `Tool ${name}`, scopes: [], input: z.object({}), run, ...more });
const form = {
  method: 'elicitation/create',
  params: {
    message: 'Sure?',
    requestedSchema: { type: 'object', properties: { sure: { type: 'boolean' } }, required: ['sure'] },
  },
} as const;

const cyclic: Record<string, unknown> = { type: 'text', text: 'a' };
cyclic['_meta'] = { cyclic };
const WRONG: Readonly<Record<string, object>> = {
  block: { type: 'text' },
  cycle: cyclic,
  bigint: { type: 'text', text: 'a', _meta: { n: 1n } },
  getter: {
    get type() {
      throw new Error('secret detail');
    },
  },
};
const wrongTools = [...Object.keys(WRONG), 'nothing'].map((name) => `wrong_${name}`);

const definitions: Definitions = {
  tools: [
    tool('text', () => 'plain text', { title: 'Text', annotations: { readOnlyHint: true } }),
    tool('structured', () => ({ structuredContent: { n: 1 } }), { output: z.object({ n: z.int() }) }),
    tool('wrong_output', () => ({ structuredContent: { n: 'x' } }), { output: z.object({ n: z.int() }) }),
    tool('mixed', () => ({
      content: [
        { type: 'text', text: 'a', annotations: { audience: ['user'], priority: 1 } },
        { type: 'image', data: 'AAAA', mimeType: 'image/png' },
        { type: 'audio', data: 'AAAA', mimeType: 'audio/wav' },
        { type: 'resource', resource: { uri: 'test://one', text: 'one' } },
        { type: 'resource_link', uri: 'test://one', name: 'one' },
      ],
    })),
    tool('chatty', (_input, context) => {
      for (const level of ['debug', 'info', 'error'] as const) context.log(level, { at: level });
      for (const done of [1, 1, 2]) context.progress(done, 2, `at ${done}`);
      return 'done';
    }),
    tool('loud', (_input, { log }) => {
      for (let n = 0; n < 2_500; n++) log('info', 'x'.repeat(500));
      log('info', 'x'.repeat(1_200_000));
      return 'done';
    }),
    tool('patient', async (_input, { log }) => {
      for (let n = 0; n < 100; n++) await log('info', 'x'.repeat(200_000));
      return 'done';
    }),
    tool('picky', () => 'done', { input: z.object({ n: z.int().max(3) }) }),
    tool('guarded', () => 'done', { scopes: ['special'] }),
    tool('throws', () => {
      throw new Error('secret detail');
    }),
    tool('fails', () => {
      throw new ToolError('The disk is full');
    }),
    ...Object.entries(WRONG).map(([name, content]) =>
      tool(`wrong_${name}`, () => ({ content: [content] }) as never),
    ),
    tool('wrong_nothing', () => undefined as never),
    tool('fails_at_length', () => {
      throw new ToolError('x'.repeat(5000));
    }),
    tool('logs_nothing', (_input, { log }) => {
      log('error', undefined);
      return 'done';
    }),
    tool('sleeps', (_input, { signal }) => once(signal, 'abort').then(() => 'late')),
    tool('huge', () => 'x'.repeat(5000)),
    tool('waits', async (_input, { signal, log }) => {
      log('error', 'waiting'); // now the client cancels
      const aborted = once(signal, 'abort');
      await aborted;
      seen.emit('aborted');
      return 'aborted';
    }),
    tool('asks', async (_input, context) => JSON.stringify(await context.ask('sure', form))),
  ],
  resources: [
    defineResource({
      name: 'one',
      description: 'The one',
      uri: 'test://one',
      mimeType: 'text/plain',
      scopes: [],
      read: async (uri) => ({ uri, text: 'one' }),
    }),
    defineResource({
      name: 'items',
      description: 'Items',
      uri: 'test://items/{id}',
      scopes: [],
      list: async () => [{ uri: 'test://items/1', name: '1' }],
      complete: { id: async () => ['1', '12', '2'] },
      read: async (uri, { id }) => {
        if (id === 'broken') throw new Error('secret detail');
        if (id === 'failed') throw new ToolError('The archive is closed');
        if (id === 'wrong') return { uri } as never;
        return id === '1' ? { uri, blob: 'AAAA' } : undefined;
      },
    }),
  ],
  prompts: [
    definePrompt({
      name: 'fails',
      description: 'Fails with a reason',
      scopes: [],
      arguments: [
        {
          name: 'who',
          complete: async () => {
            throw new ToolError('Nobody is known');
          },
        },
      ],
      render: ({ who }) => {
        if (who === 'wrong') return [{ role: 'user', content: { type: 'text' } }] as never;
        throw new ToolError('Nobody is here');
      },
    }),
    definePrompt({
      name: 'greet',
      title: 'Greet',
      description: 'Greets',
      scopes: [],
      arguments: [{ name: 'who', description: 'Whom', required: true, complete: async () => ['Ada', 'Bo'] }],
      render: ({ who }) => [{ role: 'user', content: { type: 'text', text: `Greet ${who}` } }],
    }),
  ],
};

const complete = (ref: object, name: string, value: string): SameCall => ({
  method: 'completion/complete',
  params: { ref, argument: { name, value } },
});

type Cases = Readonly<Record<string, SameCall>>;

const LISTS: Cases = {
  'list of tools': { method: 'tools/list' },
  'list of templates': { method: 'resources/templates/list' },
  'list of prompts': { method: 'prompts/list' },
};
const DOCUMENTS: Cases = {
  'list of resources': { method: 'resources/list' },
  'resource read': { method: 'resources/read', params: { uri: 'test://one' } },
  'binary resource read': { method: 'resources/read', params: { uri: 'test://items/1' } },
};
const ANSWERS: Cases = {
  'prompt get': { method: 'prompts/get', params: { name: 'greet', arguments: { who: 'Ada' } } },
  'completion of a prompt': complete({ type: 'ref/prompt', name: 'greet' }, 'who', 'a'),
  'completion of a template': complete({ type: 'ref/resource', uri: 'test://items/{id}' }, 'id', '1'),
  'plain text': toolCall('text'),
  'structured result': toolCall('structured'),
  'wrong output': toolCall('wrong_output'),
  'every kind of content': toolCall('mixed'),
  'logs and progress': toolCall('chatty', {}, { logLevel: 'info', progressToken: 'p' }),
  'errors only, no progress': toolCall('chatty', {}, { logLevel: 'error' }),
  'invalid arguments': toolCall('picky', { n: 4 }),
  'argument that no schema names': toolCall('picky', { n: 1, m: 'hidden' }),
  'tool that throws': toolCall('throws'),
  'tool that fails with a reason': toolCall('fails'),
  ...Object.fromEntries(wrongTools.map((name) => [name, toolCall(name)])),
  'reason that is too long': toolCall('fails_at_length'),
  'log without data': toolCall('logs_nothing', {}, { logLevel: 'debug' }),
  'time-out': toolCall('sleeps'),
  'oversized result': toolCall('huge'),
  'question accepted': toolCall('asks', {}, { answers: [{ action: 'accept', content: { sure: true } }] }),
  'question declined': toolCall('asks', {}, { answers: [{ action: 'decline' }] }),
};
const ERRORS: Cases = {
  'list with a cursor': { method: 'tools/list', params: { cursor: 'x' } },
  'resource that is not there': { method: 'resources/read', params: { uri: 'test://items/2' } },
  'resource that breaks': { method: 'resources/read', params: { uri: 'test://items/broken' } },
  'resource that fails with a reason': { method: 'resources/read', params: { uri: 'test://items/failed' } },
  'resource without contents': { method: 'resources/read', params: { uri: 'test://items/wrong' } },
  'resource under an alias': { method: 'resources/read', params: { uri: 'test://items/%31' } },
  'prompt that fails with a reason': { method: 'prompts/get', params: { name: 'fails' } },
  'prompt without content': { method: 'prompts/get', params: { name: 'fails', arguments: { who: 'wrong' } } },
  'completion that fails with a reason': complete({ type: 'ref/prompt', name: 'fails' }, 'who', ''),
  'prompt without its argument': { method: 'prompts/get', params: { name: 'greet', arguments: {} } },
  'prompt argument that is not named': {
    method: 'prompts/get',
    params: { name: 'greet', arguments: { who: 'Ada', whom: 'hidden' } },
  },
  'unknown prompt': { method: 'prompts/get', params: { name: 'nothing' } },
  'completion of nothing': complete({ type: 'ref/prompt', name: 'nothing' }, 'x', ''),
  'unknown tool': toolCall('nothing'),
  'unknown method': { method: 'tools/frobnicate' },
  'invalid params': { method: 'completion/complete', params: { ref: 7 } },
  'missing scope': toolCall('guarded'),
  'question to a client that cannot be asked': toolCall('asks'),
  cancellation: toolCall('waits', {}, { cancel: true, logLevel: 'error' }),
};
const CASES: Cases = { ...LISTS, ...DOCUMENTS, ...ANSWERS, ...ERRORS };
const namesOf = (...groups: readonly Cases[]) => groups.flatMap((group) => Object.keys(group));

/** Every difference there is, and no other. */
const PERMITTED: readonly Permitted[] = [
  ...inEveryResult(namesOf(LISTS, DOCUMENTS, ANSWERS)),
  {
    cases: namesOf(LISTS),
    at: 'answer.result.ttlMs',
    in2025: undefined,
    in2026: 60_000,
    why: '2026-07-28, caching: how long a list may be kept',
  },
  {
    cases: namesOf(DOCUMENTS),
    at: 'answer.result.ttlMs',
    in2025: undefined,
    in2026: 0,
    why: '2026-07-28, caching: nothing tells when a document changes',
  },
  {
    cases: namesOf(LISTS, DOCUMENTS),
    at: 'answer.result.cacheScope',
    in2025: undefined,
    in2026: 'private',
    why: '2026-07-28, caching: what differs per caller is kept for that caller alone',
  },
  {
    cases: ['question accepted', 'question declined'],
    at: 'contentType',
    in2025: 'text/event-stream',
    in2026: 'application/json',
    why: 'up to 2025-11-25 the server asks on the stream of the call; 2026-07-28 answers with the question',
  },
  {
    cases: ['unknown method'],
    at: 'status',
    in2025: 200,
    in2026: 404,
    why: '2026-07-28, streamable HTTP: -32601 MUST come with 404',
  },
  {
    cases: ['unknown method'],
    at: 'answer.error.data',
    in2025: undefined,
    in2026: { code: 'not_found', requestId: '<id>' },
    why: 'an HTTP refusal carries its code',
  },
  {
    cases: ['question to a client that cannot be asked'],
    at: 'status',
    in2025: 200,
    in2026: 400,
    why: '2026-07-28, streamable HTTP: -32021 comes with 400',
  },
  {
    cases: ['question to a client that cannot be asked'],
    at: 'answer.result',
    in2025: { content: [{ type: 'text', text: 'The client does not support elicitation' }], isError: true },
    in2026: undefined,
    why: 'up to 2025-11-25 there is no error for it',
  },
  {
    cases: ['question to a client that cannot be asked'],
    at: 'answer.error',
    in2025: undefined,
    in2026: {
      code: -32021,
      message: 'Missing required client capability',
      data: {
        requiredCapabilities: { elicitation: {} },
        code: 'missing_capability',
        requestId: '<id>',
      },
    },
    why: '2026-07-28: -32021 names what the client must declare',
  },
];

let server: Served;
beforeAll(async () => {
  server = await serve(definitions, [], { TOOL_TIMEOUT_MS: '1000', MAX_RESULT_BYTES: '4000' });
});
afterAll(() => server.close());

test.each(Object.entries(CASES))('%s: the eras differ as permitted, and no more', async (name, call) => {
  const { found } = await compare(server, call);

  expect(found).toEqual(permittedIn(name, PERMITTED));
});

test('every row of the table is about cases that exist', () => {
  const named = PERMITTED.flatMap(({ cases }) => cases);

  expect(named.filter((name) => !Object.hasOwn(CASES, name))).toEqual([]);
  expect(PERMITTED.filter(({ cases }) => cases.length === 0)).toEqual([]);
});

test('the cases are what their names say, so that two wrong answers cannot agree', async () => {
  const answerOf = async (name: string) => {
    const { status, notifications, questions, answer } = await callIn2026(server, CASES[name] as SameCall);
    return { status, notifications, questions, result: answer?.result, error: answer?.error };
  };

  expect((await answerOf('logs and progress')).notifications).toEqual([
    { method: 'notifications/message', params: { level: 'info', data: { at: 'info' } } },
    { method: 'notifications/message', params: { level: 'error', data: { at: 'error' } } },
    {
      method: 'notifications/progress',
      params: { progressToken: 'p', progress: 1, total: 2, message: 'at 1' },
    },
    {
      method: 'notifications/progress',
      params: { progressToken: 'p', progress: 2, total: 2, message: 'at 2' },
    },
  ]);
  expect(await answerOf('question accepted')).toMatchObject({
    questions: [{ method: 'elicitation/create', params: form.params }],
    result: { content: [{ text: '{"action":"accept","content":{"sure":true}}' }] },
  });
  for (const name of wrongTools)
    expect(await answerOf(name)).toMatchObject({ result: { isError: true }, error: undefined });
  expect(await answerOf('log without data')).toMatchObject({ notifications: [] });
  for (const name of ['resource', 'prompt', 'completion'])
    expect(await answerOf(`${name} that fails with a reason`)).toMatchObject({ error: { code: -32602 } });
  expect(await answerOf('resource under an alias')).toMatchObject({ error: { code: -32602 } });
  expect(await answerOf('missing scope')).toMatchObject({ status: 403, error: { code: 403 } });
  expect(await answerOf('argument that no schema names')).toMatchObject({
    result: {
      content: [{ text: 'Invalid arguments: / has unknown properties: m; known are: n' }],
      isError: true,
    },
  });
  expect(await answerOf('prompt argument that is not named')).toMatchObject({
    error: { code: -32602, message: 'Invalid arguments: / has unknown properties: whom; known are: who' },
  });
  expect(await answerOf('time-out')).toMatchObject({ result: { isError: true } });
  expect(JSON.stringify(await answerOf('tool that throws'))).not.toContain('secret');
  expect(await answerOf('unknown tool')).toMatchObject({ error: { code: -32602 } });
  const aborted = once(seen, 'aborted', { signal: AbortSignal.timeout(1000) });
  expect((await answerOf('cancellation')).result).toBeUndefined();
  await aborted;
});

test.each([
  ['loud', 2_501],
  ['patient', 100],
])('%s: a client that had no turn yet gets all that a tool sent, and its answer', async (name, sent) => {
  const unhurried = await serve(definitions, [], { TOOL_TIMEOUT_MS: '60000', SHUTDOWN_GRACE_MS: '60000' });
  try {
    for (const call of [callIn2025, callIn2026]) {
      const { notifications, answer } = await call(unhurried, toolCall(name, {}, { logLevel: 'info' }));

      expect(notifications).toHaveLength(sent);
      expect(answer?.result).toMatchObject({ content: [{ text: 'done' }] });
    }
  } finally {
    await unhurried.close();
  }
});
