import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { type Message, messages, next } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { startTestServer } from './test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let raw: ReturnType<typeof rawClient>;
beforeAll(async () => {
  server = await startTestServer({ maxSessionsPerCaller: 100, maxStreamsPerCaller: 100 });
  raw = rawClient(server.url);
});
afterAll(() => server.close());

const ask = (what: string, id: string | number = 1) => ({
  id,
  method: 'tools/call',
  params: { name: 'ask', arguments: { what } },
});
const resultOf = ({ result }: Message) => {
  const { content, isError } = result as { content: { text: string }[]; isError?: boolean };
  return { text: content[0]?.text ?? '', isError: isError ?? false };
};

describe('a question', () => {
  test.each([
    ['confirm', { action: 'accept', content: { sure: true } }],
    ['sample', { role: 'assistant', content: { type: 'text', text: 'Hello' }, model: 'm' }],
    ['roots', { roots: [{ uri: 'file:///work' }] }],
  ])('of kind %s goes to the SDK client and its answer back to the tool', async (what, answer) => {
    const { client } = await server.connect({ elicitation: {}, sampling: {}, roots: {} });
    client.setRequestHandler(ElicitRequestSchema, () => answer as never);
    client.setRequestHandler(CreateMessageRequestSchema, () => answer as never);
    client.setRequestHandler(ListRootsRequestSchema, () => answer as never);
    const result = await client.callTool({ name: 'ask', arguments: { what } });

    expect(JSON.parse(resultOf({ result }).text)).toEqual(answer);
  });

  test.each([
    ['confirm', { sampling: {}, roots: {} }, 'elicitation'],
    ['confirm', { elicitation: { url: {} } }, 'elicitation'],
    ['sample', { elicitation: {} }, 'sampling'],
    ['roots', {}, 'roots'],
  ])('%s is not sent to a client that declares only %j', async (what, capabilities, missing) => {
    const session = await raw.initialize(capabilities);
    const res = await raw.post(ask(what), { session });

    expect(res.headers.get('content-type')).toBe('application/json');
    expect(resultOf((await res.json()) as Message)).toEqual({
      text: `The client does not support ${missing}`,
      isError: true,
    });
  });

  test.each([
    ['an error', { error: { code: -1, message: 'evil words' } }, 'The client answered with an error'],
    ['no action', { result: { content: { sure: true } } }, 'The answer of the client is not valid'],
    [
      'content of another schema',
      { result: { action: 'accept', content: { sure: 'yes' } } },
      'The answer of the client is not valid',
    ],
    ['no content', { result: { action: 'accept' } }, 'The answer of the client is not valid'],
  ])('answered with %s fails the ask', async (_what, answer, words) => {
    const session = await raw.initialize({ elicitation: {} });
    const stream = messages(await raw.post(ask('confirm'), { session }));
    const { id } = await next(stream);
    await raw.post({ id, ...answer }, { session });

    expect(resultOf(await next(stream))).toEqual({ text: words, isError: true });
  });

  const block = { type: 'text', text: 'Hello' };
  const blocks = [block, { type: 'image', data: 'AAAA', mimeType: 'image/png' }];
  const NOT_VALID = { text: 'The answer of the client is not valid', isError: true };
  test.each([
    ['2025-11-25', 'several blocks', blocks, true],
    ['2025-11-25', 'one block', block, true],
    ['2025-11-25', 'no block', [], false],
    ['2025-11-25', 'a use of a tool', [{ type: 'tool_use', id: 'a', name: 'b', input: {} }], false],
    ['2025-06-18', 'several blocks', blocks, false],
    ['2025-06-18', 'one block', block, true],
  ])('in revision %s a model answers with %s', async (version, _what, content, fits) => {
    const session = await raw.initialize({ sampling: {} }, undefined, version);
    const stream = messages(await raw.post(ask('sample'), { session }));
    const sent = await next(stream);
    const result = { role: 'assistant', content, model: 'm' };
    await raw.post({ id: sent.id, result }, { session });

    const answer = resultOf(await next(stream));
    if (fits) expect(JSON.parse(answer.text)).toEqual(result);
    else expect(answer).toEqual(NOT_VALID);
  });

  test('declined needs no content', async () => {
    const session = await raw.initialize({ elicitation: {} });
    const stream = messages(await raw.post(ask('confirm'), { session }));
    const { id } = await next(stream);
    await raw.post({ id, result: { action: 'decline' } }, { session });

    expect(resultOf(await next(stream))).toEqual({ text: '{"action":"decline"}', isError: false });
  });

  test('can be answered by its own session only, and once', async () => {
    const session = await raw.initialize({ elicitation: {} });
    const other = await raw.initialize({ elicitation: {} });
    await raw.get({ session }); // keeps the session's open things in memory after the call
    const stream = messages(await raw.post(ask('confirm'), { session }));
    const otherStream = messages(await raw.post(ask('confirm'), { session: other }));
    const [question, otherQuestion] = [await next(stream), await next(otherStream)];
    const answer = (sure: boolean) => ({ id: question.id, result: { action: 'accept', content: { sure } } });

    expect(question.id).toMatch(/^[\w-]{22}$/);
    expect(question.id).not.toBe(otherQuestion.id);
    expect((await raw.post(answer(false), { session: other })).status).toBe(202);
    expect(server.audits.at(-1)).toMatchObject({ detail: { received: 'elsewhere or unknown' } });
    expect((await raw.post(answer(false), { session, caller: 'mallory' })).status).toBe(404);
    expect((await raw.post(answer(true), { session })).status).toBe(202);
    expect((await raw.post(answer(false), { session })).status).toBe(202);
    expect(server.audits.at(-1)).toMatchObject({ detail: { received: 'elsewhere or unknown' } });
    expect(resultOf(await next(stream)).text).toBe('{"action":"accept","content":{"sure":true}}');
    await raw.post({ method: 'notifications/cancelled', params: { requestId: 1 } }, { session: other });
    expect(await next(otherStream)).toBeUndefined();
  });

  test('of two calls at once each gets its own answer', async () => {
    const session = await raw.initialize({ roots: {} });
    const streams = await Promise.all(
      [1, 2].map((id) => raw.post(ask('roots', id), { session }).then(messages)),
    );
    const questions = await Promise.all(streams.map(next));
    for (const { id } of questions.toReversed()) {
      await raw.post({ id, result: { roots: [{ uri: `file:///${id}` }] } }, { session });
    }
    const answers = await Promise.all(streams.map(next));

    expect(answers.map(({ id }) => id)).toEqual([1, 2]);
    answers.forEach((answer, i) => expect(resultOf(answer).text).toContain(String(questions[i]?.id)));
  });
});

test('a question nobody answers fails in time, and the client is told', async () => {
  const impatient = await startTestServer({ askTimeoutMs: 50 });
  const client = rawClient(impatient.url);
  const session = await client.initialize({ sampling: {} });
  const stream = messages(await client.post(ask('sample'), { session }));
  const question = await next(stream);

  expect(await next(stream)).toMatchObject({
    method: 'notifications/cancelled',
    params: { requestId: question.id },
  });
  expect(resultOf(await next(stream))).toEqual({ text: 'The client did not answer in time', isError: true });
  await impatient.close();
});
