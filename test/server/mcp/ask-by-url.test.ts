import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool } from '../../../src/server/mcp/definitions/tool.js';
import { serve, type Served } from '../../helpers/serve.js';
import { callIn2025, callIn2026, type SameCall, toolCall } from '../../helpers/two-eras.js';

const PAGE = 'https://grants.example/connect?flow=1';
/** The answers that the tool had. */
let answered: unknown[] = [];

const tools = [
  defineTool({
    name: 'visit',
    description: 'Sends its user to a URL',
    scopes: [],
    input: z.object({ url: z.string(), subject: z.boolean().optional() }),
    run: async ({ url, subject }, context) => {
      const to = subject ? `${url}${context.caller.subject}` : url;
      const params = { mode: 'url', message: 'Connect your account', url: to } as const;
      answered.push(await context.ask('connect', { method: 'elicitation/create', params }));
      for (const key of ['connect', 'connect', 'other']) await context.completed(key);
      return 'visited';
    },
  }),
  defineTool({
    name: 'modes',
    description: 'Says how the user can be asked',
    scopes: [],
    input: z.object({}),
    run: (_input, { canAsk }) =>
      JSON.stringify([canAsk('elicitation/create'), canAsk('elicitation/create', 'url')]),
  }),
];
const definitions = { tools, resources: [], prompts: [], urlHosts: ['grants.example', 'localhost:8443'] };

let server: Served;
beforeAll(async () => {
  server = await serve(definitions, []);
});
afterAll(() => server.close());
beforeEach(() => {
  answered = [];
});

const BY_URL = { elicitation: { url: {} } };
const visit = (url: string, more: Partial<SameCall> = {}, subject = false) =>
  toolCall('visit', { url, subject }, { answers: [{ action: 'accept' }], ...BY_URL, ...more });
const textOf = ({ answer }: Awaited<ReturnType<typeof callIn2025>>) =>
  (answer?.result?.['content'] as { text: string }[] | undefined)?.[0]?.text;

describe.each([
  ['2025', callIn2025],
  ['2026', callIn2026],
])('in the %s era', (era, call) => {
  test('a user is sent to a listed host, and the tool learns that they agreed', async () => {
    const seen = await call(server, visit(PAGE));

    const params = { mode: 'url', message: 'Connect your account', url: PAGE };
    const id = era === '2025' ? { elicitationId: expect.stringMatching(/^[0-9a-f-]{36}$/) } : {};
    expect(seen.questions).toEqual([{ method: 'elicitation/create', params: { ...params, ...id } }]);
    expect(answered).toEqual([{ action: 'accept' }]);
    expect(textOf(seen)).toBe('visited');
  });

  test.each(['decline', 'cancel'])('the tool learns of a %s', async (action) => {
    await call(server, visit(PAGE, { answers: [{ action }] }));

    expect(answered).toEqual([{ action }]);
  });

  test('completion is told once, with the id of its elicitation, where the revision has it', async () => {
    const { notifications, questions } = await call(server, visit(PAGE));

    const [asked] = questions as { params: { elicitationId?: string } }[];
    const { elicitationId } = asked?.params ?? {};
    const told = { method: 'notifications/elicitation/complete', params: { elicitationId } };
    expect(notifications).toEqual(era === '2025' ? [told] : []);
  });

  test('a client that declares forms alone is not sent a URL', async () => {
    const seen = await call(server, visit(PAGE, { elicitation: {} }));

    expect(seen.questions).toEqual([]);
    expect(answered).toEqual([]);
    if (era === '2025') expect(textOf(seen)).toBe('The client does not support elicitation by URL');
    else
      expect(seen.answer?.error).toMatchObject({
        code: -32021,
        data: { requiredCapabilities: { elicitation: { url: {} } } },
      });
  });

  test.each([
    [{}, [true, false]],
    [{ form: {} }, [true, false]],
    [{ url: {} }, [false, true]],
    [{ form: {}, url: {} }, [true, true]],
  ])('of a client that declares %j a tool sees the modes', async (elicitation, modes) => {
    const seen = await call(server, toolCall('modes', {}, { answers: [], elicitation }));

    expect(JSON.parse(textOf(seen) ?? '')).toEqual(modes);
  });

  test.each([
    ['http', 'http://grants.example/connect'],
    ['another scheme', 'javascript:alert(1)'],
    ['no URL', 'grants.example/connect'],
    ['another spelling than the browser opens', 'https://GRANTS.example\\connect'],
    ['a host that is not listed', 'https://evil.example/connect'],
    ['a listed host on another port', 'https://grants.example:444/connect'],
    ['a host below a listed one', 'https://a.grants.example/connect'],
    ['a listed host as the name of a user', 'https://grants.example@evil.example/'],
    ['user information', 'https://user:word@grants.example/connect'],
    ['an access token', 'https://grants.example/connect?access_token=hunter2'],
    ['a session', 'https://grants.example/connect?SessionId=hunter2'],
    ['a token in the fragment', 'https://grants.example/connect#id_token=hunter2'],
    ['a JWT under another name', 'https://grants.example/connect?x=eyJhbGciOi.eyJzdWIi.c2ln'],
    ['a JWT in the path', 'https://grants.example/eyJhbGciOi.eyJzdWIi.c2ln'],
    ['a key of this server', 'https://grants.example/connect?x=mcp_dev_AbC123_hunter2'],
    ['the address of a user', 'https://grants.example/connect?for=ada%40example.com'],
    ['the subject of the caller', 'https://grants.example/connect?for=', true],
    ['the subject of the caller in the path', 'https://grants.example/users/', true],
  ])('a URL with %s is never sent, and the tool fails', async (_what, url, subject = false) => {
    const seen = await call(server, visit(url, {}, subject));

    expect(seen.questions).toEqual([]);
    expect(answered).toEqual([]);
    expect(seen.answer?.result?.['isError']).toBe(true);
    expect(textOf(seen)).toMatch(/^Internal error \(request /);
    expect(JSON.stringify(seen)).not.toContain('hunter2');
  });

  test('our own host needs no list, and http on this machine is for development', async () => {
    expect(textOf(await call(server, visit(`${server.url.origin}/connect`)))).toBe('visited');
    expect(textOf(await call(server, visit('http://localhost:8443/connect')))).toBe('visited');
  });
});

test('in revision 2025-06-18 no client can be sent to a URL, whatever it declares', async () => {
  const seen = await callIn2025(server, toolCall('modes', {}, { answers: [], ...BY_URL }), '2025-06-18');

  expect(JSON.parse(textOf(seen) ?? '')).toEqual([false, false]);
});

test('a listed host that is not host[:port] stops the start', async () => {
  const wrong = serve({ ...definitions, urlHosts: ['https://grants.example'] }, []);

  await expect(wrong).rejects.toThrow('urlHosts');
});
