/** The same subject with a second token of fewer scopes: what the first one could do is not open to the second. */
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineResource, defineTool } from '../../../../src/server/mcp/definitions/tool.js';
import { events, messages, next } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { startTestServer } from './test-server.js';

const WIDE = 'alice docs:read docs:write';
const NARROW = 'alice docs:list';
const CHANGED = 'test://doc/1';

const seen = new EventEmitter();
let deleted: string[];
let server: Awaited<ReturnType<typeof startTestServer>>;
let raw: ReturnType<typeof rawClient>;

const remove = defineTool({
  name: 'remove',
  description: 'Asks, then deletes',
  scopes: ['docs:write'],
  input: z.object({}),
  run: async (_input, context) => {
    await context.ask('sure', {
      method: 'elicitation/create',
      params: { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } },
    });
    deleted.push('doc');
    return 'deleted';
  },
});
const work = defineTool({
  name: 'work',
  description: 'Reports, waits, and ends',
  scopes: ['docs:read'],
  input: z.object({}),
  run: async (_input, context) => {
    context.log('info', 'one');
    await once(seen, 'go on');
    context.log('info', 'two');
    return 'done';
  },
});
const docs = defineResource({
  name: 'docs',
  description: 'Documents',
  scopes: ['docs:read'],
  uri: 'test://doc/{id}',
  read: async (uri) => ({ uri, text: 'text' }),
});

beforeEach(async () => {
  deleted = [];
  server = await startTestServer({
    definitions: { tools: [remove, work], resources: [docs] },
    maxStreamsPerCaller: 100,
  });
  raw = rawClient(server.url);
});
afterEach(async () => {
  seen.emit('go on');
  await server.close();
});

const call = (name: string, id = 1) => ({ id, method: 'tools/call', params: { name, arguments: {} } });
const answer = (id: unknown) => ({ id, result: { action: 'accept', content: {} } });

describe('the answer to a question of a call', () => {
  test('needs the scopes of the call: without them it is 403 and nothing is deleted', async () => {
    const session = await raw.initialize({ elicitation: {} }, WIDE);
    const stream = messages(await raw.post(call('remove'), { session, caller: WIDE }));
    const { id } = await next(stream);

    const refused = await raw.post(answer(id), { session, caller: NARROW });
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('scope="docs:write"');
    expect(deleted).toEqual([]);

    expect((await raw.post(answer(id), { session, caller: WIDE })).status).toBe(202);
    expect((await next(stream)).result).toMatchObject({ content: [{ text: 'deleted' }] });
    expect(deleted).toEqual(['doc']);
  });

  test('needs them also when it comes by way of another replica', async () => {
    const session = await raw.initialize({ elicitation: {} }, WIDE);
    const stream = messages(await raw.post(call('remove'), { session, caller: WIDE }));
    const { id } = await next(stream);
    const message = { jsonrpc: '2.0', ...answer(id) };

    await server.clientReplies.publish({ sessionId: session, scopes: ['docs:list'], message });
    expect(deleted).toEqual([]);
    await server.clientReplies.publish({ sessionId: session, scopes: ['docs:read', 'docs:write'], message });
    await next(stream);
    expect(deleted).toEqual(['doc']);
  });
});

test('a stream of a call is resumed only with the scopes of the call', async () => {
  const session = await raw.initialize({}, WIDE);
  const stream = events(await raw.post(call('work'), { session, caller: WIDE }));
  const { id: lastEventId = '' } = await next(stream);

  const refused = await raw.get({ session, caller: NARROW, lastEventId });
  expect(refused.status).toBe(403);
  expect(refused.headers.get('www-authenticate')).toContain('scope="docs:read"');
  expect(await refused.text()).not.toContain('one');

  seen.emit('go on');
  const resumed = messages(await raw.get({ session, caller: WIDE, lastEventId }));
  expect((await next(resumed)).params).toMatchObject({ data: 'one' });
});

test('a stream of changes that is resumed with fewer scopes tells nothing of what only the others may read', async () => {
  const session = await raw.initialize({}, WIDE);
  const subscribe = { id: 1, method: 'resources/subscribe', params: { uri: CHANGED } };
  await (await raw.post(subscribe, { session, caller: WIDE })).arrayBuffer();
  const { id: lastEventId = '' } = await next(events(await raw.get({ session, caller: WIDE })));
  const narrow = messages(await raw.get({ session, caller: NARROW, lastEventId }));
  const wide = messages(await raw.get({ session, caller: WIDE, lastEventId }));
  const told = [await next(wide), await next(wide)];
  await raw.end({ session, caller: WIDE });

  expect(told.map(({ method }) => method)).toEqual([
    'notifications/tools/list_changed',
    'notifications/resources/updated',
  ]);
  expect([await next(narrow), await next(narrow)]).toEqual([
    expect.objectContaining({ method: 'notifications/tools/list_changed' }),
    undefined,
  ]);
});

test('a change of a resource is told only on a stream whose caller may read it', async () => {
  const session = await raw.initialize({}, WIDE);
  const subscribe = { id: 1, method: 'resources/subscribe', params: { uri: CHANGED } };
  await (await raw.post(subscribe, { session, caller: WIDE })).arrayBuffer();
  const narrow = messages(await raw.get({ session, caller: NARROW }));

  server.changes.publish({ kind: 'resource', uri: CHANGED });
  server.changes.publish({ kind: 'tools' });
  expect((await next(narrow)).method).toBe('notifications/tools/list_changed');

  const wide = messages(await raw.get({ session, caller: WIDE }));
  const updated = { method: 'notifications/resources/updated', params: { uri: CHANGED } };
  expect((await next(wide)).method).toBe('notifications/tools/list_changed');
  expect(await next(wide)).toMatchObject(updated); // told again: it may have changed meanwhile
  server.changes.publish({ kind: 'resource', uri: CHANGED });
  expect(await next(wide)).toMatchObject(updated);
});
