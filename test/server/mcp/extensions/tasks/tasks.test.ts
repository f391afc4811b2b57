/** Tasks through a whole server: every layer, real HTTP. */
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool, tasks, type ToolContext, UrlRequired } from '../../../../../src/server/index.js';
import { messages } from '../../../../helpers/raw-messages.js';
import { serve, type Served } from '../../../../helpers/serve.js';
import { callIn2025 } from '../../../../helpers/two-eras.js';

type Json = Record<string, unknown>;

const TASKS = 'io.modelcontextprotocol/tasks';
const DECLARED = { elicitation: {}, extensions: { [TASKS]: {} } };
const FORM = { type: 'object', properties: { name: { type: 'string' } } };
const question = (message: string) =>
  ({ method: 'elicitation/create', params: { message, requestedSchema: FORM } }) as const;

let server: Served;
let signals: EventEmitter;
beforeEach(() => void (signals = new EventEmitter()));
afterEach(async () => void (await server?.close().catch(() => {}))); // some tests have closed it

const tool = (
  name: string,
  task: 'never' | 'allowed' | 'always',
  run: (context: ToolContext) => Promise<string>,
  more: object = {},
) =>
  defineTool({
    name,
    description: name,
    scopes: ['run'],
    input: z.object({ size: z.number().optional() }),
    task,
    run: (_input, context) => run(context),
    ...more,
  });

const toolsOfAll = () => [
  tool('quick', 'never', async () => 'done'),
  tool('work', 'allowed', async () => 'done'),
  tool('only', 'always', async () => 'done'),
  tool('hold', 'allowed', async ({ progress, signal }) => {
    signal.addEventListener('abort', () => signals.emit('aborted'));
    progress(1, 2, 'half of it');
    signals.emit('held');
    await once(signals, 'go');
    return 'done';
  }),
  tool('ask', 'allowed', async ({ ask }) => {
    const asked = [ask('name', question('Your name?')), ask('town', question('Your town?'))];
    const answers = await Promise.all(asked);
    return answers.map(({ content }) => String(content?.['name'])).join(' of ');
  }),
  tool(
    'first',
    'always',
    async ({ ask }) => String((await ask('name', question('Who?'))).content?.['name']),
    {
      authorize: async (_input: unknown, { ask }: Pick<ToolContext, 'ask'>) => {
        const { action } = await ask('name', question('Who?'));
        return action === 'accept' || 'Not without a name';
      },
    },
  ),
  tool('visit', 'allowed', () => {
    throw new UrlRequired('Connect your account', 'https://grants.example/connect');
  }),
  tool('broken', 'allowed', async ({ ask }) =>
    JSON.stringify(await ask('roots', { method: 'roots/list', params: {} })),
  ),
];

async function start(env: NodeJS.ProcessEnv = {}, extensions = [tasks]) {
  server = await serve(
    { tools: toolsOfAll(), resources: [], prompts: [], extensions, urlHosts: ['grants.example'] },
    ['run'],
    env,
  );
}

async function post(method: string, params: Json, capabilities: object = DECLARED, key = server.key) {
  const name = params['name'] ?? params['taskId'];
  return fetch(server.url, {
    method: 'POST',
    headers: {
      'x-api-key': key,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': capabilities,
        },
      },
    }),
  });
}

interface Answer {
  readonly result: Json;
  readonly error: { readonly code: number; readonly message: string; readonly data: Json };
}

const send = async (...given: Parameters<typeof post>) => (await (await post(...given)).json()) as Answer;
const call = async (name: string, more: Json = {}) =>
  (await send('tools/call', { name, arguments: {}, ...more })).result;
const get = async (taskId: unknown) => (await send('tasks/get', { taskId })).result;

/** Reads what `subscriptions/listen` brings, until it fits. */
async function until(taskId: unknown, fits: (task: Json) => boolean): Promise<Json> {
  const response = await post('subscriptions/listen', { notifications: { taskIds: [taskId] } });
  for await (const message of messages(response)) {
    const { method, params } = message as unknown as { method: string; params: Json };
    if (method === 'notifications/tasks' && fits(params)) return params;
  }
  throw new Error('the stream ended before');
}
const ended = (taskId: unknown) =>
  until(taskId, ({ status }) => status !== 'working' && status !== 'input_required');

test('a call is answered with a handle at once, and its result comes later', async () => {
  await start();
  const held = once(signals, 'held');
  const handle = await call('hold');
  await held;

  expect(handle).toMatchObject({
    resultType: 'task',
    status: 'working',
    ttlMs: 3_600_000,
    pollIntervalMs: 1000,
  });
  expect(handle).not.toHaveProperty('requestState');
  expect(await get(handle['taskId'])).toMatchObject({ resultType: 'complete', status: 'working' });
  const isTold = await until(handle['taskId'], ({ statusMessage }) => statusMessage === 'half of it');
  expect(isTold).not.toHaveProperty('result');
  signals.emit('go');
  const task = await ended(handle['taskId']);
  expect(task).toMatchObject({ status: 'completed', result: { content: [{ type: 'text', text: 'done' }] } });
  expect((await get(handle['taskId']))['result']).toEqual(task['result']);
});

test('a client that does not declare tasks gets the result itself, or learns what it would have to declare', async () => {
  await start();
  const allowed = await send('tools/call', { name: 'work', arguments: {} }, {});
  expect(allowed.result).toMatchObject({ resultType: 'complete', content: [{ text: 'done' }] });
  for (const [method, params] of [
    ['tools/call', { name: 'only', arguments: {} }],
    ['tasks/get', { taskId: 'x' }],
    ['tasks/update', { taskId: 'x', inputResponses: {} }],
    ['tasks/cancel', { taskId: 'x' }],
    ['subscriptions/listen', { notifications: { taskIds: ['x'] } }],
  ] as const) {
    const { error } = await send(method, params, {});
    expect(error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { extensions: { [TASKS]: {} } } },
    });
  }
  expect(await call('quick')).toMatchObject({ resultType: 'complete' });
});

test('without the extension no method of it exists, and a tool that may be a task is called', async () => {
  await start({}, []);
  expect(await call('work')).toMatchObject({ resultType: 'complete' });
  expect((await send('tasks/get', { taskId: 'x' })).error.code).toBe(-32601);
});

test('in the 2025 era a tool that may be a task is called, and one that must be is refused', async () => {
  await start();
  const calling = (name: string) =>
    callIn2025(server, { method: 'tools/call', params: { name, arguments: {} } });
  expect((await calling('work')).answer?.result).toMatchObject({ content: [{ text: 'done' }] });
  expect((await calling('only')).answer?.error).toMatchObject({ code: -32021 });
  expect(
    (await callIn2025(server, { method: 'tasks/get', params: { taskId: 'x' } })).answer?.error,
  ).toMatchObject({ code: -32601 });
});

test('bad arguments are answered at once: there is no task', async () => {
  await start();
  expect(await call('work', { arguments: { size: 'big' } })).toMatchObject({
    isError: true,
    resultType: 'complete',
  });
});

test('questions wait for their answers, one by one, and an answer to what was not asked is ignored', async () => {
  await start();
  const { taskId } = await call('ask');
  const both = await until(
    taskId,
    ({ inputRequests = {} }) => Object.keys(inputRequests as Json).length === 2,
  );
  expect(both).toMatchObject({ status: 'input_required', inputRequests: { name: question('Your name?') } });
  const update = (key: string, name: string) =>
    send('tasks/update', { taskId, inputResponses: { [key]: { action: 'accept', content: { name } } } });
  expect((await update('unasked', 'x')).result).toMatchObject({ resultType: 'complete' });
  await update('name', 'Ada');
  const left = await get(taskId);
  expect(left).toMatchObject({ status: 'input_required' });
  expect(Object.keys(left['inputRequests'] as Json)).toEqual(['town']);
  await update('name', 'Eve'); // the first answer counts
  await update('town', 'London');
  expect(await ended(taskId)).toMatchObject({
    status: 'completed',
    result: { content: [{ text: 'Ada of London' }] },
  });
});

test('what authorize asks is asked before there is a task, and the task has the answer', async () => {
  await start();
  const round = await call('first');
  expect(round).toMatchObject({ resultType: 'input_required', inputRequests: { name: question('Who?') } });
  expect(round).not.toHaveProperty('taskId');
  const { requestState } = round;
  const inputResponses = { name: { action: 'accept', content: { name: 'Ada' } } };
  const handle = await call('first', { requestState, inputResponses });
  expect(handle).toMatchObject({ resultType: 'task' });
  expect(await ended(handle['taskId'])).toMatchObject({ result: { content: [{ text: 'Ada' }] } });
});

test('a task that is cancelled stops its tool, says so, and stays cancelled', async () => {
  await start();
  const held = once(signals, 'held');
  const { taskId } = await call('hold');
  await held;
  const aborted = once(signals, 'aborted');
  const { result } = await send('tasks/cancel', { taskId });
  await aborted;
  expect(result).not.toHaveProperty('status');
  signals.emit('go');
  expect(await ended(taskId)).toMatchObject({ status: 'cancelled' });
  expect((await send('tasks/cancel', { taskId })).result).toMatchObject({ resultType: 'complete' });
});

test('what the client cannot answer fails the task with the error of the call', async () => {
  await start();
  const { taskId } = await call('broken');
  const task = await ended(taskId);
  expect(task).toMatchObject({ status: 'failed', error: { code: -32021 } });
  expect(task).not.toHaveProperty('result');
});

test('a task sends its user to a URL where the client can, and fails without showing it where it cannot', async () => {
  await start();
  const forms = await call('visit');
  const failed = await ended(forms['taskId']);
  const urls = { ...DECLARED, elicitation: { url: {} } };
  const handle = await send('tools/call', { name: 'visit', arguments: {} }, urls);
  const asked = await until(handle.result['taskId'], ({ status }) => status === 'input_required');

  const error = { code: -32021, data: { requiredCapabilities: { elicitation: { url: {} } } } };
  expect(failed).toMatchObject({ status: 'failed', error });
  expect(JSON.stringify(failed)).not.toContain('grants.example');
  const params = { mode: 'url', message: 'Connect your account', url: 'https://grants.example/connect' };
  expect(Object.values(asked['inputRequests'] as Json)).toMatchObject([{ params }]);
});

test('a client that asks far too often is told how often it may', async () => {
  await start();
  const { taskId } = await call('work');
  const answers = await Promise.all(Array.from({ length: 31 }, () => post('tasks/get', { taskId })));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(1);
  expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await refused[0]?.json()).toMatchObject({
    error: { message: expect.stringContaining('every 1000 ms') },
  });
});

test('a caller has so many tasks and no more', async () => {
  await start({ RATE_LIMIT_CALLER: '1000/60s' });
  const calls = Array.from({ length: 101 }, () => post('tools/call', { name: 'work', arguments: {} }));
  const refused = (await Promise.all(calls)).filter(({ status }) => status !== 200);

  expect(refused.map(({ status }) => status)).toEqual([429]);
  expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await refused[0]?.json()).toMatchObject({
    error: { message: expect.stringContaining('100 at most') },
  });
});

test('a drain waits for a task, and the audit has its beginning and its end without its id', async () => {
  await start();
  const held = once(signals, 'held');
  const { taskId } = await call('hold');
  await held;
  const closing = server.close();
  signals.emit('go');
  const lines = await closing;
  const ofTask = lines.filter((line) => line['mcp.task'] !== undefined && line['stage'] === 'completed');
  expect(ofTask.map(({ 'mcp.method.name': method, detail }) => [method, detail])).toEqual([
    ['tools/call', undefined],
    ['tools/call', { task: 'completed' }],
  ]);
  expect(new Set(ofTask.map((line) => line['mcp.task'])).size).toBe(1);
  expect(JSON.stringify(lines)).not.toContain(String(taskId));
});

test('a task that outlasts the grace is failed with a reason', async () => {
  await start({ SHUTDOWN_GRACE_MS: '200', TOOL_TIMEOUT_MS: '200' });
  const held = once(signals, 'held');
  await call('hold');
  await held;
  const aborted = once(signals, 'aborted');
  const lines = await server.close();
  await aborted;
  expect(lines.at(-1)).toMatchObject({ 'mcp.method.name': 'tools/call', detail: { task: 'failed' } });
});
