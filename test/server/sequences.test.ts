/** Two callers, and any sequence of what they may do with sessions, streams, tasks and questions: a model knows each answer. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { defineTool, tasks } from '../../src/server/index.js';
import { answerOf } from '../helpers/raw-messages.js';
import { serve, type Served } from '../helpers/serve.js';
import { AUDIENCE, startIssuer, type TestIssuer } from './identity/issuer.js';
import { call, post } from './process/requests.js';

jest.setTimeout(60_000);

/** Most of the time that the sequences may take. */
const BUDGET_MS = 5_000;
const MAX_SESSIONS = 3;
const MAX_STREAMS = 1;
const PLENTY = '1000000/60s';
const ALL = { elicitation: { form: {} }, extensions: { 'io.modelcontextprotocol/tasks': {} } };

let issuer: TestIssuer;
let server: Served;
/** Calls of `asks` that went on, by the caller. */
const effects = new Map<string, number>();

const input = z.object({});
const tools = [
  defineTool({
    name: 'works',
    description: 'Is a task',
    scopes: [],
    input,
    task: 'always',
    run: () => 'done',
  }),
  defineTool({
    name: 'asks',
    description: 'Acts after an answer',
    scopes: [],
    input,
    run: async (_input, { ask, caller: { subject } }) => {
      const params = { message: 'Sure?', requestedSchema: { type: 'object' as const, properties: {} } };
      const { action } = await ask('sure', { method: 'elicitation/create', params });
      effects.set(subject, (effects.get(subject) ?? 0) + 1);
      return action;
    },
  }),
];

beforeAll(async () => {
  issuer = await startIssuer();
  await issuer.rotate('one');
  server = await serve({ tools, resources: [], prompts: [], extensions: [tasks] }, [], {
    AUTH: 'jwt',
    API_KEYS_FILE: '',
    JWT_ISSUERS: issuer.url,
    JWT_AUDIENCE: AUDIENCE,
    RATE_LIMIT_IP: PLENTY,
    RATE_LIMIT_CALLER: PLENTY,
    MAX_SESSIONS_PER_CALLER: String(MAX_SESSIONS),
    MAX_STREAMS_PER_CALLER: String(MAX_STREAMS),
  });
});
afterAll(async () => {
  await server.close();
  await issuer.close();
});

async function openStreams(): Promise<number> {
  const text = await (await fetch(new URL('/metrics', server.adminUrl))).text();
  return Number(/^mcp_server_streams(?:\{.*\})? (\S+)$/m.exec(text)?.[1]);
}

type Headers = Readonly<Record<string, string>>;
interface Owned {
  readonly owner: string;
  readonly id: string;
  isOver: boolean;
}
interface OpenStream {
  readonly owner: string;
  readonly session: Owned;
  leave(): void;
}

/** What is there, as the callers were told. */
class Model {
  readonly sessions: Owned[] = [];
  streams: readonly OpenStream[] = [];
  readonly tasks: Owned[] = [];
  readonly questions: Owned[] = [];
  readonly effects = new Map<string, number>();

  constructor(private readonly tokens: ReadonlyMap<string, string>) {}

  /** @returns what was answered, and what the model expects */
  async step({ who, what, which }: Step): Promise<readonly [answered: string, expected: string]> {
    const owner = [...this.tokens.keys()][who] ?? '';
    const token = { Authorization: `Bearer ${this.tokens.get(owner)}` };
    return this[what](owner, token, which);
  }

  async open(owner: string, token: Headers) {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    };
    const own = this.sessions.filter((one) => one.owner === owner && !one.isOver);
    const res = await post(server.url, { method: 'initialize', params }, token);
    await res.arrayBuffer();
    const id = res.headers.get('mcp-session-id');
    if (id !== null) this.sessions.push({ owner, id, isOver: false });
    return [String(res.status), own.length < MAX_SESSIONS ? '200' : '429'] as const;
  }

  ping(owner: string, token: Headers, which: number) {
    return this.inSession(owner, which, '200', (session) =>
      post(server.url, { method: 'ping' }, { ...token, ...session }),
    );
  }

  listen(owner: string, token: Headers, which: number) {
    const own = this.streams.filter((stream) => stream.owner === owner);
    return this.inSession(owner, which, own.length < MAX_STREAMS ? '200' : '429', async (session, one) => {
      const leaving = new AbortController();
      const headers = { Accept: 'text/event-stream', ...token, ...session };
      const res = await fetch(server.url, { headers, signal: leaving.signal });
      if (!one || res.status !== 200) return res;
      this.streams = [...this.streams, { owner, session: one, leave: () => leaving.abort() }];
      return new Response(null, { status: res.status });
    });
  }

  /** Its caller's oldest stream. */
  async leave(owner: string) {
    const stream = this.streams.find((one) => one.owner === owner);
    stream?.leave();
    await this.left((one) => one === stream);
    return ['', ''] as const;
  }

  /** Those that are gone, once the server has seen it. */
  async left(isGone: (stream: OpenStream) => boolean): Promise<void> {
    this.streams = this.streams.filter((stream) => !isGone(stream));
    while ((await openStreams()) !== this.streams.length);
  }

  async close(): Promise<void> {
    for (const stream of this.streams) stream.leave();
    await this.left(() => true);
  }

  end(owner: string, token: Headers, which: number) {
    return this.inSession(owner, which, '204', async (session, one) => {
      const res = await fetch(server.url, { method: 'DELETE', headers: { ...token, ...session } });
      if (one && res.status === 204) {
        one.isOver = true;
        await this.left(({ session: of }) => of === one);
      }
      return res;
    });
  }

  /** A session of another caller, and one that is over, is unknown. */
  private async inSession(
    owner: string,
    which: number,
    good: string,
    send: (session: Headers, one?: Owned) => Promise<Response>,
  ) {
    const one = this.sessions[which % this.sessions.length];
    const expected = one?.owner === owner && !one.isOver ? good : '404';
    const res = await send({ 'Mcp-Session-Id': one?.id ?? 'none' }, one);
    await res.arrayBuffer();
    return [String(res.status), expected] as const;
  }

  async begin(owner: string, token: Headers) {
    const { result } = await this.call('tools/call', { name: 'works', arguments: {} }, token);
    this.tasks.push({ owner, id: String(result?.['taskId']), isOver: false });
    return [String(result?.['resultType']), 'task'] as const;
  }

  get(owner: string, token: Headers, which: number) {
    return this.ofTask('tasks/get', owner, token, which);
  }

  cancel(owner: string, token: Headers, which: number) {
    return this.ofTask('tasks/cancel', owner, token, which);
  }

  private async ofTask(method: string, owner: string, token: Headers, which: number) {
    const one = this.tasks[which % this.tasks.length];
    const taskId = one?.id ?? 'none';
    const { error } = await this.call(method, { taskId }, { 'Mcp-Name': taskId, ...token });
    return [String(error?.code), String(one?.owner === owner ? undefined : -32602)] as const;
  }

  async ask(owner: string, token: Headers) {
    const { result } = await this.call('tools/call', { name: 'asks', arguments: {} }, token);
    this.questions.push({ owner, id: String(result?.['requestState']), isOver: false });
    return [String(result?.['resultType']), 'input_required'] as const;
  }

  /** Once, and by its own caller: whoever else tries takes nothing from it. */
  async answer(owner: string, token: Headers, which: number) {
    const one = this.questions[which % this.questions.length];
    const inputResponses = { sure: { action: 'accept', content: {} } };
    const requestState = one?.id ?? 'none';
    const params = { name: 'asks', arguments: {}, requestState, inputResponses };
    const { error } = await this.call('tools/call', params, token);
    const isGood = one?.owner === owner && !one.isOver;
    if (one && isGood) {
      one.isOver = true;
      this.effects.set(owner, (this.effects.get(owner) ?? 0) + 1);
    }
    return [String(error?.code), String(isGood ? undefined : -32602)] as const;
  }

  private call = async (method: string, params: Readonly<Record<string, unknown>>, headers: Headers) =>
    answerOf(await call(server.url, method, params, headers, ALL));
}

const ACTIONS = [
  'open',
  'ping',
  'listen',
  'leave',
  'end',
  'begin',
  'get',
  'cancel',
  'ask',
  'answer',
] as const;
interface Step {
  readonly who: number;
  readonly what: (typeof ACTIONS)[number];
  readonly which: number;
}
const step = fc.record({ who: fc.nat(1), what: fc.constantFrom(...ACTIONS), which: fc.nat(5) });

let runs = 0;

test('whatever two callers do in turn, each has its own sessions, streams, tasks and questions, and nothing of the other', async () => {
  const sequences = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
    const names = [`alice ${(runs += 1)}`, `bob ${runs}`];
    const signed = names.map(async (sub) => [sub, await issuer.sign({ sub })] as const);
    const model = new Model(new Map(await Promise.all(signed)));
    for (const one of steps) {
      const [answered, expected] = await model.step(one);
      expect({ ...one, answered }).toEqual({ ...one, answered: expected });
    }
    await model.close();
    expect(names.map((name) => effects.get(name))).toEqual(names.map((name) => model.effects.get(name)));
  });

  await fc.assert(sequences, { numRuns: 60, interruptAfterTimeLimit: BUDGET_MS });
});
