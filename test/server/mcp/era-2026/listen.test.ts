import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { defineResource } from '../../../../src/server/mcp/definitions/tool.js';
import { answerOf, type Message, messages, next } from '../../../helpers/raw-messages.js';
import { type Params, post, type RawOptions } from './raw-client.js';
import { startTestServer, type TestServer } from './test-server.js';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const resources = [
  defineResource({
    name: 'open',
    description: 'Anybody may read it',
    scopes: [],
    uri: 'test://open/{id}',
    read: async (uri) => ({ uri, text: '' }),
  }),
  defineResource({
    name: 'secret',
    description: 'Few may read it',
    scopes: ['special'],
    uri: 'test://secret',
    read: async (uri) => ({ uri, text: '' }),
  }),
];

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer({ resources });
});
afterEach(() => server.close());

const send = (notifications: unknown, options?: RawOptions) =>
  post(server.url, 'subscriptions/listen', { notifications }, options);
const listen = async (notifications: Params, options?: RawOptions) => {
  const res = await send(notifications, options);
  const stream = messages(res);
  const acknowledged = await next(stream);
  return { res, stream, acknowledged, honoured: acknowledged.params?.['notifications'] };
};
const idOf = ({ params }: Message) => (params?.['_meta'] as Params | undefined)?.[SUBSCRIPTION];

describe('a subscription', () => {
  test('is acknowledged first, and then brings what was asked for and nothing else', async () => {
    const { res, stream, acknowledged } = await listen({
      toolsListChanged: true,
      resourceSubscriptions: ['test://open/1'],
    });
    expect(res.headers.get('content-type')).toBe('text/event-stream');
    expect(acknowledged).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['test://open/1'] } },
    });

    server.changes.publish({ kind: 'prompts' });
    server.changes.publish({ kind: 'resources' });
    server.changes.publish({ kind: 'resource', uri: 'test://open/2' });
    server.changes.publish({ kind: 'resource', uri: 'test://open/1' });
    server.changes.publish({ kind: 'tools' });
    const [updated, changed] = [await next(stream), await next(stream)];

    expect(updated).toMatchObject({
      method: 'notifications/resources/updated',
      params: { uri: 'test://open/1' },
    });
    expect(changed).toMatchObject({ method: 'notifications/tools/list_changed' });
    expect(idOf(acknowledged)).toEqual(expect.any(Number));
    expect([updated, changed].map(idOf)).toEqual([idOf(acknowledged), idOf(acknowledged)]);
  });

  test('brings all that was asked for again when changes may have been lost', async () => {
    const { stream } = await listen({ promptsListChanged: true, resourceSubscriptions: ['test://open/1'] });
    server.missed.publish();
    const told = [await next(stream), await next(stream)];
    server.changes.publish({ kind: 'prompts' });
    told.push(await next(stream));

    expect(told.map(({ method }) => method)).toEqual([
      'notifications/prompts/list_changed',
      'notifications/resources/updated',
      'notifications/prompts/list_changed',
    ]);
  });

  test('is not opened for resources that nobody defined or this caller may not read', async () => {
    const resourceSubscriptions = ['test://secret', 'test://nowhere', 'test://open/1', 'test://open/1'];
    const outsider = await listen({ resourceSubscriptions });
    const insider = await listen({ resourceSubscriptions }, { caller: 'alice special' });
    server.changes.publish({ kind: 'resource', uri: 'test://secret' });
    server.changes.publish({ kind: 'resource', uri: 'test://open/1' });

    expect(outsider.honoured).toEqual({ resourceSubscriptions: ['test://open/1'] });
    expect(insider.honoured).toEqual({ resourceSubscriptions: ['test://secret', 'test://open/1'] });
    expect((await next(outsider.stream)).params).toMatchObject({ uri: 'test://open/1' });
    expect((await next(insider.stream)).params).toMatchObject({ uri: 'test://secret' });
  });

  test.each([[{}], [{ toolsListChanged: false }], [{ resourceSubscriptions: ['test://nowhere'] }]])(
    'to nothing (%j) ends at once, and cleanly',
    async (filter) => {
      const { stream, honoured } = await listen(filter);

      expect(honoured).toEqual({});
      expect((await next(stream)).result).toMatchObject({ resultType: 'complete' });
      expect((await stream.next()).done).toBe(true);
      expect(server.era.streams()).toBe(0);
    },
  );

  test('is given only what the server declares', async () => {
    const bare = await startTestServer(
      { resources },
      { capabilities: { tools: {}, prompts: { listChanged: true } } },
    );
    try {
      const notifications = {
        toolsListChanged: true,
        promptsListChanged: true,
        resourcesListChanged: true,
        resourceSubscriptions: ['test://open/1'],
      };
      const res = await post(bare.url, 'subscriptions/listen', { notifications });
      const { params } = await next(messages(res));

      expect(params?.['notifications']).toEqual({ promptsListChanged: true });
    } finally {
      await bare.close();
    }
  });

  test.each([[undefined], ['all'], [{ toolsListChanged: 'yes' }], [{ resourceSubscriptions: [1] }]])(
    'with a filter that is none (%j) is refused',
    async (filter) => {
      const res = await send(filter);

      expect(res.status).toBe(400);
      expect((await answerOf(res)).error).toMatchObject({ code: -32602, message: 'Invalid params' });
      expect(server.era.streams()).toBe(0);
    },
  );

  test("works for the SDK's own client", async () => {
    const client = await server.connect();
    const changed = new Promise((resolve) => {
      client.setNotificationHandler('notifications/prompts/list_changed', resolve);
    });
    const subscription = await client.listen({ promptsListChanged: true });
    server.changes.publish({ kind: 'prompts' });
    await changed;
    expect(subscription.honoredFilter).toEqual({ promptsListChanged: true });

    await server.era.drain();
    expect(await subscription.closed).toBe('graceful');
  });
});

describe('streams', () => {
  const filter = { toolsListChanged: true };

  test('a caller may hold only so many, whatever others hold, and a closed one counts no more', async () => {
    const away = new AbortController();
    const first = await listen(filter, { signal: away.signal });
    await listen(filter);
    const refused = await send(filter);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect((await answerOf(refused)).error?.data).toMatchObject({ code: 'too_many_streams' });
    expect((await send(filter, { caller: 'bob' })).status).toBe(200);
    expect(server.era.streams()).toBe(3);

    const closed = once(server.calls, 'closed');
    away.abort();
    await expect(next(first.stream)).rejects.toThrow();
    await closed;
    expect(server.era.streams()).toBe(2);
    expect((await send(filter)).status).toBe(200);
  });

  test('one that is gone gets nothing more and is kept alive no more', async () => {
    const away = new AbortController();
    await listen(filter, { signal: away.signal });
    expect(server.keepAlive.size()).toBe(1);
    const closed = once(server.calls, 'closed');
    away.abort();
    await closed;

    server.changes.publish({ kind: 'tools' });
    expect(server.era.streams()).toBe(0);
    expect(server.keepAlive.size()).toBe(0);
  });

  test('more than 1,000 URIs are refused, not cut short in silence', async () => {
    const uris = (count: number) => Array.from({ length: count }, (_, n) => `test://doc/${n}`);
    const refused = await send({ resourceSubscriptions: uris(1001) });

    expect(refused.status).toBe(400);
    expect((await answerOf(refused)).error).toMatchObject({
      code: -32602,
      message: 'Too many subscriptions: 1000 at most',
    });
    expect(server.era.streams()).toBe(0);
    expect((await send({ resourceSubscriptions: uris(1000) })).status).toBe(200);
  });

  test('a drain ends them with their result, and every later one too', async () => {
    const { stream, acknowledged } = await listen(filter);
    await server.era.drain();
    const last = await next(stream);
    const late = await listen(filter);

    expect(last).toMatchObject({
      id: idOf(acknowledged),
      result: { resultType: 'complete', _meta: { [SUBSCRIPTION]: idOf(acknowledged) } },
    });
    expect((await stream.next()).done).toBe(true);
    expect((await next(late.stream)).result).toMatchObject({ resultType: 'complete' });
    expect(server.era.streams()).toBe(0);
  });
});
