import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Message } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { seen, startTestServer } from './test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let client: ReturnType<typeof rawClient>;
beforeAll(async () => {
  server = await startTestServer();
  client = rawClient(server.url);
});
afterAll(() => server.close());

async function list(session: string, id: number | string, params?: object) {
  const res = await client.post({ id, method: 'tools/list', params }, { session });
  return { status: res.status, ...((await res.json()) as Message) };
}

test('a list is answered alike the first time and from then on, with the id of each request', async () => {
  const session = await client.initialize();

  const first = await list(session, 1);
  const second = await list(session, '"2"');

  expect(first.result?.['tools']).not.toHaveLength(0);
  expect(second).toEqual({ ...first, id: '"2"' });
});

test('what a list refuses it also refuses once it is prepared', async () => {
  const session = await client.initialize();
  await list(session, 1);

  expect((await list('none', 2)).status).toBe(404);
  expect((await list(session, 2, { cursor: 'x' })).error?.code).toBe(-32602);
  expect((await list(session, 2, { cursor: 1 })).error?.code).toBe(-32602);
  const long = await list(session, 2, { cursor: 'long'.repeat(20_000) });
  expect(long.error).toMatchObject({ code: -32602, message: expect.not.stringContaining('longlong') });
  expect((await list(session, 2, { _meta: 1 })).result).toBeUndefined();
  expect((await list(session, 2, { _meta: { progressToken: {} } })).result).toBeUndefined();
});

test('the id of a call in flight is refused for a prepared list too', async () => {
  const session = await client.initialize();
  await list(session, 1);
  const started = once(seen, 'started list');
  const params = { name: 'wait', arguments: { name: 'list', quiet: true } };
  const call = client.post({ id: 7, method: 'tools/call', params }, { session });
  await started;

  expect((await list(session, 7)).status).toBe(400);
  seen.emit('release list');
  expect((await call).status).toBe(200);
});
