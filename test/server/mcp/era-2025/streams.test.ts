import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { body, messages, next } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { seen, startTestServer } from './test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let raw: ReturnType<typeof rawClient>;
beforeEach(async () => {
  server = await startTestServer();
  raw = rawClient(server.url);
});
afterEach(() => server.close());

const subscribe = (uri: string, id: string | number = 1) => ({
  id,
  method: 'resources/subscribe',
  params: { uri },
});
const updated = (uri: string) => ({
  jsonrpc: '2.0',
  method: 'notifications/resources/updated',
  params: { uri },
});
const listChanged = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };

describe('a GET stream', () => {
  test('tells the SDK client of changes', async () => {
    const { client } = await server.connect();
    await client.subscribeResource({ uri: 'test://doc/1' });
    const told = new Promise<string>((resolve) => {
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => resolve(params.uri));
    });
    const listed = new Promise<void>((resolve) => {
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
    });
    while (server.era.streams() === 0) await new Promise((done) => setImmediate(done));
    server.changes.publish({ kind: 'resource', uri: 'test://doc/1' });
    server.changes.publish({ kind: 'tools' });

    expect(await told).toBe('test://doc/1');
    await listed;
  });

  test('tells of what its own session subscribed to, until it unsubscribes', async () => {
    const [session, other] = [await raw.initialize(), await raw.initialize()];
    await Promise.all(['a', 'b'].map((id) => raw.post(subscribe(`test://doc/${id}`, id), { session })));
    await raw.post(subscribe('test://doc/c'), { session: other });
    const stream = messages(await raw.get({ session }));
    for (const id of ['c', 'a', 'b']) server.changes.publish({ kind: 'resource', uri: `test://doc/${id}` });

    expect(await next(stream)).toEqual(updated('test://doc/a'));
    expect(await next(stream)).toEqual(updated('test://doc/b'));
    await raw.post({ ...subscribe('test://doc/a'), method: 'resources/unsubscribe' }, { session });
    for (const id of ['a', 'b']) server.changes.publish({ kind: 'resource', uri: `test://doc/${id}` });
    expect(await next(stream)).toEqual(updated('test://doc/b'));
  });

  test('that is the newest of its session is told of changes; an older one ends with the next', async () => {
    const session = await raw.initialize();
    const older = messages(await raw.get({ session }));
    server.changes.publish({ kind: 'prompts' });
    expect(await next(older)).toMatchObject({ method: 'notifications/prompts/list_changed' });
    const newer = messages(await raw.get({ session }));
    expect(await next(newer)).toEqual(listChanged); // what it may have missed
    server.changes.publish({ kind: 'resources' });

    expect(await next(newer)).toMatchObject({ method: 'notifications/resources/list_changed' });
    expect(await next(older)).toBeUndefined();
  });

  test('that is opened while the store is slow does not end with a change of meanwhile, which the older one tells', async () => {
    const session = await raw.initialize();
    const older = messages(await raw.get({ session }));
    const peek = server.sessions.peek.bind(server.sessions);
    let goOn = () => {};
    const asked = new Promise<void>((resolve) => {
      server.sessions.peek = async (id) => {
        server.sessions.peek = peek;
        resolve();
        await new Promise<void>((wake) => (goOn = wake)); // a store across the network
        return peek(id);
      };
    });
    const opening = raw.get({ session });
    await asked;
    server.changes.publish({ kind: 'tools' });
    goOn();
    const newer = messages(await opening);
    expect(await next(older)).toEqual(listChanged);
    expect(await next(newer)).toEqual(listChanged); // what it may have missed
    server.changes.publish({ kind: 'prompts' });

    expect(await next(newer)).toMatchObject({ method: 'notifications/prompts/list_changed' });
  });

  test('is told of everything when changes may have been lost: each list announced, each subscription', async () => {
    const session = await raw.initialize();
    await Promise.all(['a', 'b'].map((id) => raw.post(subscribe(`test://doc/${id}`, id), { session })));
    const stream = messages(await raw.get({ session }));
    const other = messages(await raw.get({ session: await raw.initialize() }));
    server.missed.publish();

    expect(await next(stream)).toEqual(listChanged);
    expect([await next(stream), await next(stream)]).toEqual(
      expect.arrayContaining(['a', 'b'].map((id) => updated(`test://doc/${id}`))),
    );
    server.changes.publish({ kind: 'prompts' });
    expect(await next(stream)).toMatchObject({ method: 'notifications/prompts/list_changed' });
    expect([await next(other), await next(other)]).toMatchObject([
      listChanged,
      { method: 'notifications/prompts/list_changed' },
    ]);
  });

  test('is refused beyond the cap of its caller, and its place is free again once it ends', async () => {
    const [session, second] = [await raw.initialize(), await raw.initialize()];
    const abort = new AbortController();
    await raw.get({ session, signal: abort.signal });
    await raw.get({ session: second });
    const refused = await raw.get({ session });

    expect(refused.status).toBe(429);
    expect(await body(refused)).toMatchObject({ error: { data: { code: 'too_many_streams' } } });
    const other = await raw.get({ session: await raw.initialize({}, 'bob'), caller: 'bob' });
    expect(other.status).toBe(200);
    abort.abort();
    while (server.era.streams() > 2) await new Promise((done) => setImmediate(done));
    expect((await raw.get({ session })).status).toBe(200);
  });

  test('ends with its session', async () => {
    const session = await raw.initialize();
    const stream = messages(await raw.get({ session }));
    await raw.end({ session });

    expect(await next(stream)).toBeUndefined();
    expect(server.era.streams()).toBe(0);
  });
});

describe('idling', () => {
  test('ends what is open of a session', async () => {
    const idle = await startTestServer({ idleMs: 1_500 }); // enough to begin a call on a busy machine
    const client = rawClient(idle.url);
    const session = await client.initialize();
    const [started, cancelled] = [once(seen, 'started idle'), once(seen, 'cancelled idle')];
    const params = { name: 'wait', arguments: { name: 'idle' } };
    const answer = client.post({ id: 1, method: 'tools/call', params }, { session }).then(messages);
    const stream = messages(await client.get({ session }));
    await started;
    await cancelled;

    expect(await next(stream)).toBeUndefined();
    expect(await next(await answer)).toMatchObject({ method: 'notifications/message' });
    expect(await next(await answer)).toBeUndefined();
    await idle.close();
  });

  test('does not begin while a stream is open', async () => {
    const idle = await startTestServer({ idleMs: 800, keepAliveMs: 20 });
    const client = rawClient(idle.url);
    const session = await client.initialize();
    const reader = (await client.get({ session })).body?.getReader();
    const openUntil = performance.now() + 1600;
    while (performance.now() < openUntil) expect((await reader?.read())?.done).toBe(false);

    expect((await client.post({ id: 1, method: 'ping' }, { session })).status).toBe(200);
    await idle.close();
  });
});

test('subscriptions made at the same time are all kept', async () => {
  const peek = server.sessions.peek.bind(server.sessions);
  server.sessions.peek = async (id) => {
    const record = await peek(id);
    await new Promise((done) => setTimeout(done, 20)); // a store across the network
    return record;
  };
  const session = await raw.initialize();
  await Promise.all([1, 2, 3].map((n) => raw.post(subscribe(`test://doc/${n}`, n), { session })));

  expect((await peek(session))?.subscriptions).toHaveLength(3);
});

test('subscriptions are bounded in number and length', async () => {
  const session = await raw.initialize();
  const answers = [];
  for (let i = 0; i <= 1000; i++)
    answers.push(await body(await raw.post(subscribe(`test://doc/${i}`), { session })));
  const long = await body(await raw.post(subscribe(`test://doc/${'x'.repeat(3_000)}`), { session }));

  expect(answers.slice(0, 1000).every(({ result }) => result)).toBe(true);
  expect(answers.at(-1)?.error?.message).toBe('Too many subscriptions: 1000 at most');
  expect(long.error?.message).toBe('Resource not found');
  expect((await server.sessions.peek(session))?.subscriptions).toHaveLength(1000);
});

test('a resource is subscribed to by its one name: another spelling of its URI is not found', async () => {
  const session = await raw.initialize();
  const aliases = ['test://doc/%61', 'TEST://doc/a', 'test://doc/a/', 'test://doc/a?'];
  const answers = await Promise.all(
    aliases.map(async (uri) => body(await raw.post(subscribe(uri), { session }))),
  );

  expect(answers.map(({ error }) => error?.message)).toEqual(aliases.map(() => 'Resource not found'));
  expect((await server.sessions.peek(session))?.subscriptions).toEqual([]);
});

test('draining ends the streams at once, waits for the calls, and leaves nothing listening', async () => {
  const session = await raw.initialize();
  const stream = messages(await raw.get({ session }));
  const started = once(seen, 'started last');
  const params = { name: 'wait', arguments: { name: 'last', quiet: true } };
  const answer = raw.post({ id: 1, method: 'tools/call', params }, { session });
  await started;
  let drained = false;
  const drain = server.era.drain().then(() => (drained = true));

  expect(await next(stream)).toBeUndefined();
  expect((await raw.get({ session })).status).toBe(503);
  expect(drained).toBe(false);
  seen.emit('release last');
  expect((await answer).status).toBe(200);
  await drain;
  expect(server.keepAlive.size()).toBe(0);
});
