/** A credential that is withdrawn, or over: what its caller has open ends, and nothing that another caller has. */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool, tasks, type ToolContext } from '../../../src/server/index.js';
import { newApiKey } from '../../../src/server/identity/api-key-format.js';
import { describeWithRedis } from '../../helpers/redis.js';
import { startRedis } from '../../helpers/redis-server.js';
import { serve, type Served } from '../../helpers/serve.js';
import { AUDIENCE, startIssuer, type TestIssuer } from '../identity/issuer.js';

jest.setTimeout(20_000);

type Json = Readonly<Record<string, unknown>>;
/** Sends a request with its credential. */
type Client = (
  path: string,
  init: { readonly method?: string; readonly body?: string; readonly headers?: Record<string, string> },
) => Promise<Response>;

const META = 'io.modelcontextprotocol';
const TASKS = `${META}/tasks`;
const FORM = { type: 'object', properties: {} } as const;

let issuer: TestIssuer;
let folder: string;
let seen: EventEmitter;
const counts = { ran: 0, aborted: 0 };
const served: Served[] = [];

const mine = newApiKey('dev');
const other = newApiKey('dev');
const entryOf = ({ id, hash }: typeof mine, more: object = {}) => ({
  id,
  name: 'test',
  scopes: ['run'],
  createdAt: '2026-01-01T00:00:00Z',
  secrets: [{ hash }],
  ...more,
});
const writeKeys = (...keys: object[]) =>
  writeFile(join(folder, 'keys.json'), JSON.stringify({ version: 1, keys }));
const deny = (list: object) => writeFile(join(folder, 'denylist.json'), JSON.stringify(list));
const allGood = () => Promise.all([writeKeys(entryOf(mine), entryOf(other)), deny({})]);

const hold = defineTool({
  name: 'hold',
  description: 'Works until it is told to stop',
  scopes: ['run'],
  input: z.object({}),
  task: 'allowed',
  run: async (_input, { signal, progress }: ToolContext) => {
    signal.addEventListener('abort', () => {
      counts.aborted += 1;
      seen.emit('aborted');
    });
    progress(1);
    const go = once(seen, 'go');
    seen.emit('held');
    await go;
    return 'done';
  },
});
const confirm = defineTool({
  name: 'confirm',
  description: 'Asks, and acts',
  scopes: ['run'],
  input: z.object({}),
  run: async (_input, { ask }) => {
    const params = { message: 'Sure?', requestedSchema: FORM };
    await ask('sure', { method: 'elicitation/create', params });
    counts.ran += 1;
    return 'acted';
  },
});

async function start(env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const definitions = { tools: [hold, confirm], resources: [], prompts: [], extensions: [tasks] };
  const one = await serve(definitions, [], {
    AUTH: 'jwt,api-key',
    API_KEYS_FILE: join(folder, 'keys.json'),
    DENYLIST_FILE: join(folder, 'denylist.json'),
    JWT_ISSUERS: issuer.url,
    JWT_AUDIENCE: AUDIENCE,
    JWT_CLOCK_TOLERANCE_S: '0',
    RATE_LIMIT_AUTH_FAILURES: '1000/60s',
    TOOL_TIMEOUT_MS: '5000',
    LEGACY_SSE: 'true',
    ...env,
  });
  served.push(one);
  return one;
}

beforeAll(async () => void (issuer = await startIssuer()));
afterAll(() => issuer.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'withdrawal-'));
  seen = new EventEmitter();
  seen.setMaxListeners(100);
  Object.assign(counts, { ran: 0, aborted: 0 });
  await allGood();
});
afterEach(async () => {
  seen.emit('go');
  await Promise.all(served.splice(0).map((one) => one.close()));
  await rm(folder, { recursive: true });
});

const clientOf =
  ({ url }: Served, credential: string): Client =>
  (path, init) =>
    fetch(new URL(path, url), {
      ...init,
      headers: {
        Authorization: `Bearer ${credential}`,
        Accept: 'application/json, text/event-stream',
        'Content-Type': 'application/json',
        ...init.headers,
      },
    });

const V2025 = '2025-11-25';
const V2026 = '2026-07-28';

async function initialize(client: Client): Promise<Record<string, string>> {
  const params = { protocolVersion: V2025, capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'open', method: 'initialize', params });
  const { headers } = await client('/mcp', { method: 'POST', body });
  return { 'Mcp-Session-Id': headers.get('mcp-session-id') ?? '' };
}

function in2025(client: Client, session: Record<string, string>, id: number, _meta: object = {}) {
  const params = { name: 'hold', arguments: {}, _meta };
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params });
  return client('/mcp', { method: 'POST', headers: session, body });
}

function in2026(client: Client, method: string, given: Json, capabilities: object = {}, meta: object = {}) {
  const name = given['name'] ?? given['taskId'];
  const headers = {
    'MCP-Protocol-Version': V2026,
    'Mcp-Method': method,
    ...(typeof name === 'string' && { 'Mcp-Name': name }),
  };
  const _meta = {
    [`${META}/protocolVersion`]: V2026,
    [`${META}/clientInfo`]: { name: 't', version: '1' },
    [`${META}/clientCapabilities`]: capabilities,
    ...meta,
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...given, _meta } });
  return client('/mcp', { method: 'POST', headers, body });
}

const HOLD = { name: 'hold', arguments: {} };
const CONFIRM = { name: 'confirm', arguments: {} };
const DECLARES_TASKS = { extensions: { [TASKS]: {} } };
const LISTEN = { notifications: { toolsListChanged: true } };

const resultOf = async (response: Response) => ((await response.json()) as { result: Json }).result;

async function startTask(client: Client): Promise<unknown> {
  const held = once(seen, 'held');
  const task = await resultOf(await in2026(client, 'tools/call', HOLD, DECLARES_TASKS));
  await held;
  return task['taskId'];
}

async function askForState(client: Client): Promise<Json> {
  const { requestState } = await resultOf(await in2026(client, 'tools/call', CONFIRM, { elicitation: {} }));
  return { ...CONFIRM, requestState, inputResponses: { sure: { action: 'accept', content: {} } } };
}

/** One of everything that a caller can have open. The calls are running. */
async function openAll(client: Client) {
  const session = await initialize(client);
  const progressToken = { progressToken: 'p' };
  const streams = {
    'a GET stream': await client('/mcp', { headers: session }),
    'subscriptions/listen': await in2026(client, 'subscriptions/listen', LISTEN),
    'HTTP+SSE': await client('/sse', {}),
    'the stream of a call (2025)': await in2025(client, session, 1, progressToken),
    'the stream of a call (2026)': await in2026(client, 'tools/call', HOLD, {}, progressToken),
  };
  for (const stream of Object.values(streams)) expect(stream.status).toBe(200);
  const calls = [];
  for (const call of [() => in2025(client, session, 2), () => in2026(client, 'tools/call', HOLD)]) {
    const held = once(seen, 'held');
    calls.push(call());
    await held;
  }
  return { session, streams: Object.values(streams), calls };
}

/** Until a stand-in for an event: the server rereads a file when it is asked. */
async function untilStatus(status: number, ask: () => Promise<Response>): Promise<Response> {
  for (;;) {
    const response = await ask();
    if (response.status === status) return response;
    await delay(50);
  }
}

/** What is open stays so: nothing of it has ended. */
async function expectOpen({ streams, calls }: Awaited<ReturnType<typeof openAll>>) {
  const ended = [...streams.map((stream) => stream.text()), ...calls].map((one) => one.then(() => 'ended'));
  expect(await Promise.race([...ended, delay(0, 'open')])).toBe('open');
}

describe.each<[string, 'key' | 'token', () => Promise<unknown>]>([
  [
    'its key is revoked',
    'key',
    () => writeKeys(entryOf(mine, { revokedAt: '2026-01-02T00:00:00Z' }), entryOf(other)),
  ],
  ['its key is removed', 'key', () => writeKeys(entryOf(other))],
  ['the denylist names its key', 'key', () => deny({ keys: [mine.id] })],
  ['the denylist names its subject', 'token', () => deny({ subjects: [`${issuer.url} alice`] })],
  ['the denylist names its client', 'token', () => deny({ clients: ['app'] })],
  ['the denylist names its token', 'token', () => deny({ tokens: ['t1'] })],
])('when %s', (_why, kind, withdraw) => {
  test('all that a caller has open ends, and nothing of it can be used', async () => {
    const server = await start();
    const token = await issuer.sign({ scope: 'run', client_id: 'app', jti: 't1' });
    const stranger = await issuer.sign({ scope: 'run', sub: 'bob', client_id: 'b', jti: 't2' });
    const [client, bystander] = [
      kind === 'key' ? mine.key : token,
      kind === 'key' ? other.key : stranger,
    ].map((credential) => clientOf(server, credential)) as [Client, Client];
    const open = await openAll(client);
    const taskId = await startTask(client);
    const state = await askForState(client);
    const others = await openAll(bystander);

    await withdraw();
    await Promise.all(open.streams.map((stream) => stream.text()));
    for (const call of open.calls) {
      const answer = await call;
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
      expect(await answer.json()).toMatchObject({ error: { data: { code: 'credentials_invalid' } } });
    }
    while (counts.aborted < 5) await once(seen, 'aborted'); // four calls and the task
    const refused = [
      in2026(client, 'tools/call', HOLD),
      client('/mcp', { headers: open.session }),
      in2025(client, open.session, 3),
      in2026(client, 'tasks/get', { taskId }, DECLARES_TASKS),
      in2026(client, 'tools/call', state, { elicitation: {} }),
    ];
    for (const response of await Promise.all(refused)) expect(response.status).toBe(401);
    expect([counts.ran, counts.aborted]).toEqual([0, 5]);
    await expectOpen(others);

    await allGood();
    const ask = () => in2026(client, 'tasks/get', { taskId }, DECLARES_TASKS);
    const task = await resultOf(await untilStatus(200, ask));
    expect(task).toMatchObject({ status: 'failed', statusMessage: expect.stringContaining('withdrawn') });
    const records = await server.audited();
    const closed = records.filter((one) => one['stage'] === 'stream-close');
    expect(closed.length).toBeGreaterThanOrEqual(open.streams.length);
    for (const record of closed) expect(record).toMatchObject({ reason: 'credentials_invalid' });
    expect(records).toContainEqual(
      expect.objectContaining({ 'mcp.task': expect.any(String), reason: 'credentials_invalid' }),
    );
  });
});

test('a key that loses a scope loses what it had opened with it', async () => {
  const open = await openAll(clientOf(await start(), mine.key));

  await writeKeys(entryOf(mine, { scopes: ['a'] }));
  await Promise.all(open.streams.map((stream) => stream.text()));
  for (const call of open.calls) expect((await call).status).toBe(401);
  while (counts.aborted < 4) await once(seen, 'aborted');
});

test('every stream ends when its token expires; a call, a task and another stream go on', async () => {
  const server = await start();
  const exp = Math.ceil(Date.now() / 1000) + 2;
  const client = clientOf(server, await issuer.sign({ scope: 'run', exp }));
  const renewed = clientOf(server, await issuer.sign({ scope: 'run' }));
  const open = await openAll(client);
  const taskId = await startTask(client);
  const stream = await in2026(renewed, 'subscriptions/listen', LISTEN);

  await Promise.all(open.streams.map((one) => one.text()));
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
  expect((await client('/mcp', { headers: open.session })).status).toBe(401);
  expect(counts.aborted).toBe(0);
  await expectOpen({ session: {}, streams: [stream], calls: open.calls });
  seen.emit('go');
  for (const call of open.calls) expect((await call).status).toBe(200);
  const ask = () => in2026(renewed, 'tasks/get', { taskId }, DECLARES_TASKS);
  let task: Json;
  do task = await resultOf(await ask());
  while (task['status'] === 'working');
  expect(task).toMatchObject({ status: 'completed' });
});

describe('a denylist that cannot be read', () => {
  test.each([
    ['is gone', () => rm(join(folder, 'denylist.json'))],
    ['is half written', () => writeFile(join(folder, 'denylist.json'), '{"subjects":["')],
  ])('because it %s lets nobody in, and what is open stays until it can', async (_how, spoil) => {
    const server = await start();
    const key = clientOf(server, mine.key);
    const token = clientOf(server, await issuer.sign({ scope: 'run' }));
    const open = await openAll(key);

    await spoil();
    const response = await untilStatus(503, () => in2026(key, 'tools/list', {}));
    expect(await response.json()).toMatchObject({ error: { data: { code: 'store_unavailable' } } });
    expect((await in2026(token, 'tools/list', {})).status).toBe(503);
    expect((await in2025(token, open.session, 1)).status).toBe(503);
    expect(counts.aborted).toBe(0);

    await deny({ keys: [mine.id] });
    await Promise.all(open.streams.map((stream) => stream.text()));
    expect((await in2026(key, 'tools/list', {})).status).toBe(401);
    expect((await in2026(token, 'tools/list', {})).status).toBe(200);
  });
});

describeWithRedis('on two replicas', () => {
  test('a withdrawal ends what is open on each, and its task has failed wherever one asks', async () => {
    const redis = await startRedis();
    try {
      const env = {
        REDIS_URL: redis.url,
        REPLICAS: '2',
        LEGACY_SSE: 'false',
        STATE_KEYS: randomBytes(32).toString('base64url'),
      };
      const replicas = [await start(env), await start(env)] as [Served, Served];
      const stolen = await issuer.sign({ scope: 'run', jti: 't1' });
      const own = await issuer.sign({ scope: 'run', jti: 't2' });
      const [a, b] = replicas.map((replica) => clientOf(replica, stolen)) as [Client, Client];
      const session = await initialize(a);
      const streams = [
        await a('/mcp', { headers: session }),
        await in2026(b, 'subscriptions/listen', LISTEN),
      ];
      const taskId = await startTask(a);
      const state = await askForState(a);

      await deny({ tokens: ['t1'] });
      await Promise.all(streams.map((stream) => stream.text()));
      const refused = [
        b('/mcp', { headers: session }),
        in2026(b, 'tools/call', state, { elicitation: {} }),
        in2026(b, 'tasks/get', { taskId }, DECLARES_TASKS),
      ];
      for (const response of await Promise.all(refused)) expect(response.status).toBe(401);
      const ask = () => in2026(clientOf(replicas[1], own), 'tasks/get', { taskId }, DECLARES_TASKS);
      let task: Json;
      do task = await resultOf(await ask());
      while (task['status'] === 'working');
      expect(task).toMatchObject({ status: 'failed' });
      expect([counts.ran, counts.aborted]).toEqual([0, 1]);
    } finally {
      await Promise.all(served.splice(0).map((one) => one.close()));
      await redis.stop();
    }
  });
});
