import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  definePrompt,
  defineResource,
  defineTool,
  UrlRequired,
} from '../../../src/server/mcp/definitions/tool.js';
import { serve, type Served } from '../../helpers/serve.js';
import { callIn2025, callIn2026, type SameCall, toolCall } from '../../helpers/two-eras.js';

const URL = 'https://grants.example/connect?flow=1';
const MESSAGE = 'Connect your calendar';
let isConnected = false;
let runs = 0;

function requireConnection(url = URL): string {
  runs++;
  if (!isConnected) throw new UrlRequired(MESSAGE, url);
  return 'connected';
}

const common = { description: 'Needs a connection', scopes: [] };
const tools = [
  defineTool({
    ...common,
    name: 'events',
    input: z.object({ url: z.string().optional() }),
    run: ({ url }) => requireConnection(url),
  }),
  defineTool({
    ...common,
    name: 'decided',
    input: z.object({}),
    authorize: () => requireConnection() === 'connected' || 'not connected',
    run: () => 'permitted',
  }),
];
const resources = [
  defineResource({
    ...common,
    name: 'events',
    uri: 'events://all',
    read: async (uri) => ({ uri, text: requireConnection() }),
  }),
];
const prompts = [
  definePrompt({
    ...common,
    name: 'events',
    arguments: [],
    render: () => [{ role: 'user', content: { type: 'text', text: requireConnection() } }],
  }),
];

let server: Served;
beforeAll(async () => {
  server = await serve({ tools, resources, prompts, urlHosts: ['grants.example'] }, []);
});
afterAll(() => server.close());
beforeEach(() => {
  isConnected = false;
  runs = 0;
});

const accepting = { answers: [{ action: 'accept' }], elicitation: { url: {} } };
const events = (more: Partial<SameCall> = {}, args = {}) =>
  toolCall('events', args, { ...accepting, ...more });
const textOf = ({ answer }: Awaited<ReturnType<typeof callIn2025>>) =>
  (answer?.result?.['content'] as { text: string }[] | undefined)?.[0]?.text;
const SAME: readonly (readonly [string, SameCall])[] = [
  ['tool', events()],
  ['authorize of a tool', toolCall('decided', {}, accepting)],
  ['resource', { method: 'resources/read', params: { uri: 'events://all' }, ...accepting }],
  ['prompt', { method: 'prompts/get', params: { name: 'events' }, ...accepting }],
];

test.each(SAME)('in revision 2025-11-25 a %s that needs a URL ends with -32042', async (_what, call) => {
  const { answer, questions } = await callIn2025(server, call);

  const elicitationId: unknown = expect.stringMatching(/^[0-9a-f-]{36}$/);
  const elicitations = [{ mode: 'url', elicitationId, url: URL, message: MESSAGE }];
  expect(answer?.error).toEqual({ code: -32042, message: MESSAGE, data: { elicitations } });
  expect(answer?.result).toBeUndefined();
  expect(questions).toEqual([]);
});

test.each(SAME)('in the 2026 era a %s that needs a URL asks, and runs once more', async (_what, call) => {
  const { answer, questions } = await callIn2026(server, call);

  expect(questions).toEqual([
    { method: 'elicitation/create', params: { mode: 'url', message: MESSAGE, url: URL } },
  ]);
  expect(JSON.stringify(answer)).toContain(`Not done at the URL yet: ${MESSAGE}`);
  expect(runs).toBe(2);
});

test('in the 2026 era a user who does not go to the URL ends the call', async () => {
  const seen = await callIn2026(server, events({ answers: [{ action: 'decline' }] }));

  expect(textOf(seen)).toBe(`The user declined: ${MESSAGE}`);
});

describe.each([
  ['2025', callIn2025],
  ['2026', callIn2026],
])('in the %s era', (era, call) => {
  test('a call made again once the user is done is answered', async () => {
    await call(server, events());
    isConnected = true;

    expect(textOf(await call(server, events()))).toBe('connected');
  });

  test('a client that declares no URLs is not given one', async () => {
    const seen = await call(server, events({ elicitation: {} }));

    expect(seen.questions).toEqual([]);
    expect(JSON.stringify(seen)).not.toContain('grants.example');
    if (era === '2025') expect(textOf(seen)).toBe('The client does not support elicitation by URL');
    else expect(seen.answer?.error).toMatchObject({ code: -32021 });
  });

  test('a URL that breaks a rule reaches no client', async () => {
    const seen = await call(server, events({}, { url: 'https://evil.example/' }));

    expect(textOf(seen)).toMatch(/^Internal error \(request /);
    expect(seen.questions).toEqual([]);
    expect(JSON.stringify(seen)).not.toContain('evil.example');
  });
});

test('revision 2025-06-18 has no -32042: the call fails and says what the client lacks', async () => {
  const seen = await callIn2025(server, events(), '2025-06-18');

  expect(textOf(seen)).toBe('The client does not support elicitation by URL');
});

test('the audit of a call that needs a URL has its code, and no URL', async () => {
  await callIn2025(server, events());

  const lines = await server.audited();
  expect(lines.filter((line) => line['rpc.code'] === -32042).length).toBeGreaterThan(0);
  expect(JSON.stringify(lines)).not.toContain('grants.example');
});
