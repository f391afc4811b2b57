import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool } from '../../../../src/server/mcp/definitions/tool.js';
import { answerOf } from '../../../helpers/raw-messages.js';
import { type Params, post, type RawOptions } from './raw-client.js';
import { startTestServer, type TestServer } from './test-server.js';

const tool = (name: string, scopes: readonly string[]) =>
  defineTool({ name, description: name, scopes, input: z.object({}), run: () => name });

let server: TestServer;
beforeAll(async () => {
  const tools = [tool('open', []), tool('closed', ['docs:read'])];
  server = await startTestServer({ tools });
});
afterAll(() => server.close());

async function list(options: RawOptions = {}, params: Params = {}) {
  const res = await post(server.url, 'tools/list', params, options);
  const { id, ...answer } = await answerOf(res);
  return { status: res.status, id, answer, type: res.headers.get('content-type') };
}

test('a list is answered alike the first time and from then on, with the id of each request', async () => {
  const first = await list();
  const second = await list();

  expect(second.answer).toEqual(first.answer);
  expect(second.answer.result).toMatchObject({
    resultType: 'complete',
    ttlMs: 60_000,
    cacheScope: 'private',
  });
  expect(second.type).toBe(first.type);
  expect(second.id).toBe(Number(first.id) + 1);
});

test('the list of one set of scopes is never shown to another, whoever came first', async () => {
  const namesOf = async (caller: string) => {
    const { answer } = await list({ caller });
    return (answer.result as { tools: { name: string }[] }).tools.map(({ name }) => name);
  };

  for (let round = 0; round < 2; round += 1) {
    expect(await namesOf('alice docs:read')).toEqual(['open', 'closed']);
    expect(await namesOf('bob')).toEqual(['open']);
    expect(await namesOf('carol docs:write')).toEqual(['open']);
  }
});

test('what a list refuses it also refuses once it is prepared', async () => {
  await list();

  expect((await list({}, { cursor: 'x' })).answer.error?.code).toBe(-32602);
  const long = await list({}, { cursor: 'long'.repeat(20_000) });
  expect(long.answer.error).toMatchObject({
    code: -32602,
    message: expect.not.stringContaining('longlong'),
  });
  expect((await list({ meta: { progressToken: {} } })).status).toBe(400);
  expect((await list({ meta: { 'io.modelcontextprotocol/logLevel': 'loud' } })).status).toBe(400);
  expect((await list({ meta: { 'io.modelcontextprotocol/clientInfo': 1 } })).status).toBe(400);
});
