import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool, type Permission, ToolError } from '../../../../src/server/mcp/definitions/tool.js';
import { RefusedRequest } from '../../../../src/server/refusal.js';
import { serve, type Served } from '../../../helpers/serve.js';
import { callIn2025, callIn2026, toolCall } from '../../../helpers/two-eras.js';
import { callBy, startHandlers } from '../call.js';

const SECRET = 'password=hunter2';
const seen: unknown[] = [];
let runs = 0;

const DECISIONS: Readonly<Record<string, () => Promise<Permission> | Permission>> = {
  permits: () => true,
  refuses: () => 'Only your own documents',
  refuses_later: async () => 'Only your own documents',
  refuses_by_error: () => {
    throw new ToolError('Only your own documents');
  },
  breaks: () => {
    throw new Error(SECRET);
  },
  forgets: () => undefined as never,
  answers_false: () => false as never,
  answers_wrong: () => ({ allowed: true }) as never,
  hangs: () => new Promise(() => {}),
};
const OWN_WORDS = ['refuses', 'refuses_later', 'refuses_by_error'];

const tools = Object.entries(DECISIONS).map(([name, decide]) =>
  defineTool({
    name,
    description: name,
    scopes: [],
    input: z.object({ path: z.string().default('a.txt') }),
    authorize: (input, { caller }) => {
      seen.push({ input, subject: caller.method });
      return decide();
    },
    run: async () => `${(runs += 1)}`,
  }),
);

const asking = defineTool({
  name: 'asks',
  description: 'asks',
  scopes: [],
  input: z.object({}),
  authorize: async (_input, { ask }) => {
    const params = { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } } as const;
    const { action } = await ask('sure', { method: 'elicitation/create', params });
    return action === 'accept' || 'Not without your user';
  },
  run: async () => `${(runs += 1)}`,
});

let server: Served;
beforeAll(async () => {
  server = await serve({ tools: [...tools, asking], resources: [], prompts: [] }, [], {
    TOOL_TIMEOUT_MS: '500',
  });
});
afterAll(() => server.close());

const lastRecord = async (tool: string) =>
  (await server.audited()).findLast((record) => record['gen_ai.tool.name'] === tool);

describe.each([
  ['2025-11-25', callIn2025],
  ['2026-07-28', callIn2026],
])('in revision %s a tool that decides by the arguments', (_revision, call) => {
  const outcomeOf = async (name: string, args: object = {}, more: Parameters<typeof toolCall>[2] = {}) => {
    const before = runs;
    const { status, answer } = await call(server, toolCall(name, args, more));
    return { status, result: answer?.result, hasRun: runs > before, record: await lastRecord(name) };
  };

  test('runs where it permits, and decides on the input as the schema made it', async () => {
    seen.length = 0;
    const { result, hasRun, record } = await outcomeOf('permits');

    expect(hasRun).toBe(true);
    expect(result).not.toHaveProperty('isError');
    expect(record).toMatchObject({ decision: 'allow' });
    expect(record).not.toHaveProperty('reason');
    expect(seen).toEqual([{ input: { path: 'a.txt' }, subject: 'api-key' }]);
  });

  test.each(OWN_WORDS)(
    '%s: the caller reads the words, the tool does not run, the audit says why',
    async (name) => {
      const { status, result, hasRun, record } = await outcomeOf(name);

      expect(hasRun).toBe(false);
      expect(status).toBe(200);
      expect(result).toMatchObject({ isError: true, content: [{ text: 'Only your own documents' }] });
      expect(record).toMatchObject({ stage: 'completed', decision: 'deny', reason: 'not_permitted' });
    },
  );

  test.each(Object.keys(DECISIONS).filter((name) => name !== 'permits' && !OWN_WORDS.includes(name)))(
    '%s: what is no permission refuses, in generic words',
    async (name) => {
      const { result, hasRun, record } = await outcomeOf(name);

      expect(hasRun).toBe(false);
      expect(result).toMatchObject({
        isError: true,
        content: [{ text: expect.stringMatching(/^Not permitted \(request [\w-]+\)$/) }],
      });
      expect(record).toMatchObject({ decision: 'deny', reason: 'not_permitted' });
    },
  );

  test('is not asked about arguments that its schema refuses', async () => {
    seen.length = 0;
    const { result } = await outcomeOf('permits', { path: 7 });

    expect(result).toMatchObject({ isError: true });
    expect(seen).toEqual([]);
  });

  test('may ask its user first, and the tool runs after a yes alone', async () => {
    const refused = await outcomeOf('asks', {}, { answers: [{ action: 'decline' }] });
    const permitted = await outcomeOf('asks', {}, { answers: [{ action: 'accept', content: {} }] });

    expect(refused).toMatchObject({ hasRun: false, record: { decision: 'deny', reason: 'not_permitted' } });
    expect(refused.result).toMatchObject({ content: [{ text: 'Not without your user' }] });
    expect(permitted).toMatchObject({ hasRun: true, record: { decision: 'allow' } });
  });

  test('is counted in the metrics when it refuses', async () => {
    const refused = async () => {
      const metrics = await (await fetch(new URL('/metrics', server.adminUrl))).text();
      return Number(/^mcp_server_refusals_total\{code="not_permitted"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
    };
    const before = await refused();
    await outcomeOf('refuses');

    expect(await refused()).toBe(before + 1);
  });
});

test('an error of a decision is logged with its request, and a store that is away is 503, no refusal', async () => {
  const notes: object[] = [];
  const decided = async (failure: Error) => {
    const failing = { ...tools[0], authorize: () => Promise.reject(failure) } as (typeof tools)[number];
    const { handlers, logged } = startHandlers({ tools: [failing] });
    const audit = { received: async () => {}, note: (facts: object) => void notes.push(facts) };
    const answer = (async () => handlers['tools/call']({ name: failing.name }, callBy([], { audit })))();
    return { logged, answer: await answer.catch((reason: unknown) => reason) };
  };

  const broken = await decided(new Error(SECRET));
  expect(broken.logged).toEqual([{ err: new Error(SECRET), requestId: 'request-1' }]);
  expect(JSON.stringify(broken.answer)).not.toContain(SECRET);
  expect(notes).toEqual([{ decision: 'deny', reason: 'not_permitted' }]);
  const away = new RefusedRequest('store_unavailable');
  expect((await decided(away)).answer).toBe(away);
  expect(notes).toHaveLength(1);
});
