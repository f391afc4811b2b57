/** What one caller tries with what belongs to another, floods, and texts that would be lines of a log. */
import { afterAll, beforeAll, describe, jest, test } from '@jest/globals';
import type { RawAnswer } from '../helpers/raw-http.js';
import { events } from '../helpers/raw-messages.js';
import { call, callTool, post } from '../server/process/requests.js';
import { startTarget, type Target } from './target.js';

jest.setTimeout(60_000);

const MAX_SESSIONS = 10;
const MAX_STREAMS = 3;

let target: Target;
let thief: Readonly<Record<string, string>>;
let victim: Readonly<Record<string, string>>;
/** The ids of their sessions. */
let ownSession: Readonly<Record<string, string>>;
let foreignSession: Readonly<Record<string, string>>;
beforeAll(async () => {
  target = await startTarget({
    LEGACY_SSE: 'true',
    MAX_SESSIONS_PER_CALLER: String(MAX_SESSIONS),
    MAX_STREAMS_PER_CALLER: String(MAX_STREAMS),
  });
  thief = { Authorization: `Bearer ${target.keys.attacker}` };
  victim = { Authorization: `Bearer ${target.keys.weak}` };
  ownSession = await open(thief);
  foreignSession = await open(victim);
});
afterAll(() => target.close());

const initialize = (headers: Readonly<Record<string, string>>) =>
  post(
    target.url,
    {
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    },
    headers,
  );

async function open(headers: Readonly<Record<string, string>>) {
  const { headers: answered } = await target.received(await initialize(headers));
  return { 'Mcp-Session-Id': answered['mcp-session-id'] ?? '', 'MCP-Protocol-Version': '2025-11-25' };
}

/** Sends with the credential of the thief, and notes the answer. */
const steal = async (response: Promise<Response>): Promise<readonly RawAnswer[]> => [
  await target.received(await response),
];

describe('in revision 2025-11-25', () => {
  const canary = { method: 'tools/call', params: { name: 'canary', arguments: {} } };
  const get = (headers: Readonly<Record<string, string>>) =>
    fetch(target.url, { headers: { Accept: 'text/event-stream', ...headers } });

  test.each([
    ['a call in it', (session: object) => post(target.url, canary, { ...session, ...thief })],
    ['its stream', (session: object) => get({ ...session, ...thief })],
    [
      'its end',
      (session: object) => fetch(target.url, { method: 'DELETE', headers: { ...session, ...thief } }),
    ],
    [
      'a response to its questions',
      (session: object) => post(target.url, { id: 0, result: {} }, { ...session, ...thief }),
    ],
  ])('the session of another is unknown: %s', async (_what, attempt) => {
    await target.expectHarmless(() => steal(attempt(foreignSession)), ['404 session_not_found']);
  });

  test.each([
    ['in capitals', (id: string) => id.toUpperCase()],
    ['with padding', (id: string) => `${id}=`],
    ['with its last character changed', (id: string) => `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`],
    ['cut', (id: string) => id.slice(0, -1)],
  ])('a session id %s is unknown', async (_how, change) => {
    const changed = { ...ownSession, 'Mcp-Session-Id': change(ownSession['Mcp-Session-Id'] ?? '') };

    await target.expectHarmless(
      () => steal(post(target.url, canary, { ...changed, ...thief })),
      ['404 session_not_found'],
    );
  });

  test.each([
    '0',
    '1',
    '1-0',
    '-1',
    '0-0_0',
    '../1',
    '9'.repeat(40),
    'null',
    '[object Object]',
    'AAAAAAAAAAAAAAAAAAAAAA-1',
  ])('the guessed event id %s brings nothing', (id) =>
    target.expectHarmless(
      () => steal(get({ ...ownSession, ...thief, 'Last-Event-ID': id })),
      ['400 malformed_message'],
    ),
  );

  test('sessions beyond those of one caller are refused', async () => {
    const flood = async () => {
      const opening = Array.from({ length: 3 * MAX_SESSIONS }, () => steal(initialize(victim)));
      return (await Promise.all(opening)).flat().filter(({ status }) => status !== 200);
    };

    await target.expectHarmless(flood, Array(2 * MAX_SESSIONS + 1).fill('429 too_many_sessions'));
  });
});

describe('over HTTP+SSE', () => {
  const canary = { method: 'tools/call', params: { name: 'canary', arguments: {} } };
  const messagesAt = (id: string) => new URL(`/messages?sessionId=${id}`, target.url);

  test('the stream of another takes no message', async () => {
    const leaving = new AbortController();
    const stream = await fetch(new URL('/sse', target.url), {
      headers: { Accept: 'text/event-stream', ...victim },
      signal: leaving.signal,
    });
    const { value: endpoint } = await events(stream).next();

    await target.expectHarmless(
      () => steal(post(new URL(String(endpoint?.data), target.url), canary, thief)),
      ['404 session_not_found'],
    );
    target.expects(stream);
    leaving.abort();
  });

  test('a session of streamable HTTP is none of it', () =>
    target.expectHarmless(
      () => steal(post(messagesAt(ownSession['Mcp-Session-Id'] ?? ''), canary, thief)),
      ['404 session_not_found'],
    ));
});

describe('in revision 2026-07-28', () => {
  const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
  const ASKED = { elicitation: { form: {} } };

  test.each(['tasks/get', 'tasks/cancel'])('%s knows no task of another', async (method) => {
    const task = await target.received(
      await call(target.url, 'tools/call', { name: 'well', arguments: {} }, victim, TASKS),
    );
    const { taskId } = (JSON.parse(task.text) as { result: { taskId: string } }).result;

    await target.expectHarmless(
      () => steal(call(target.url, method, { taskId }, { 'Mcp-Name': taskId, ...thief }, TASKS)),
      ['200 -32602'],
    );
  });

  test('the state of the question to another is refused', async () => {
    const ask = { name: 'asks', arguments: {} };
    const asked = await target.received(await call(target.url, 'tools/call', ask, victim, ASKED));
    const { requestState } = (JSON.parse(asked.text) as { result: { requestState: string } }).result;
    const answer = { ...ask, requestState, inputResponses: { sure: { action: 'accept', content: {} } } };

    await target.expectHarmless(
      () => steal(call(target.url, 'tools/call', answer, thief, ASKED)),
      ['200 -32602'],
    );
  });

  test('subscriptions beyond those of one caller are refused', async () => {
    const leaving = new AbortController();
    const listen = () =>
      call(
        target.url,
        'subscriptions/listen',
        { notifications: { toolsListChanged: true } },
        thief,
        {},
        leaving.signal,
      );
    const open = await Promise.all(Array.from({ length: MAX_STREAMS }, listen));

    await target.expectHarmless(() => steal(listen()), ['429 too_many_streams']);
    open.forEach(target.expects);
    leaving.abort();
  });

  test.each(['failing', 'canary'])(
    'the tool %s without its scope, or with a failure inside, tells nothing',
    async (name) =>
      target.expectHarmless(
        () => steal(callTool(target.url, name, victim)),
        [name === 'canary' ? '403 insufficient_scope' : '200'],
      ),
  );
});

describe('a text that would be a line of a log, or an order to a terminal,', () => {
  const FORGED =
    '"}\r\n{"stage":"completed","decision":"allow","caller":{"subject":"root"}}\r\n\u001b[2J\u2028\u0085\u0007';

  test.each([
    ['the name of a tool', ['200 -32602'], { method: 'tools/call', params: { name: FORGED, arguments: {} } }],
    ['a method', ['200 -32601'], { method: FORGED }],
    ['the id of a request', ['200'], { id: FORGED, method: 'tools/list' }],
    ['a resource', ['200 -32602'], { method: 'resources/read', params: { uri: `x://${FORGED}` } }],
    [
      'the name of an argument',
      ['200'],
      { method: 'tools/call', params: { name: 'well', arguments: { [FORGED]: 1 } } },
    ],
    [
      'a reason',
      ['202'],
      { id: undefined, method: 'notifications/cancelled', params: { requestId: 1, reason: FORGED } },
    ],
  ])('stays a text as %s', async (_what, answers, message) => {
    await target.expectHarmless(() => steal(post(target.url, message, { ...ownSession, ...thief })), answers);
  });

  test.each([
    'User-Agent',
    'X-Request-Id',
    'traceparent',
    'X-Forwarded-For',
    'Mcp-Name',
    'MCP-Protocol-Version',
  ])('stays a text in the header %s', async (name) => {
    const value = Buffer.from('a\u0085b\u009b2J\u00ff', 'latin1').toString('latin1');
    const lines = [
      'POST /mcp HTTP/1.1',
      `Host: 127.0.0.1:${target.port}`,
      'Connection: close',
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
      'Content-Length: 2',
      `Authorization: Bearer ${target.keys.attacker}`,
      `${name}: ${value}`,
    ];
    await target.expectHarmless(
      () => target.send(Buffer.from(`${lines.join('\r\n')}\r\n\r\n{}`, 'latin1')),
      ['400 malformed_message'],
    );
  });
});

test('nothing came out that should not, and nobody was served unseen', () => target.expectNothingShown());
