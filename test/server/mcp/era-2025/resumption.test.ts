import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { StoreUnavailable } from '../../../../src/server/stores/types.js';
import {
  all,
  body,
  events,
  type Message,
  messages,
  next,
  type StreamEvent,
} from '../../../helpers/raw-messages.js';
import { type RawOptions, rawClient } from './raw-client.js';
import { seen, startTestServer } from './test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let raw: ReturnType<typeof rawClient>;
beforeEach(async () => {
  server = await startTestServer();
  raw = rawClient(server.url);
});
afterEach(() => server.close());

const call = (id: string | number, name: string, args: object = {}) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});
const message = ({ data }: StreamEvent) => JSON.parse(String(data)) as Message;
const released = { id: 1, result: { content: [{ type: 'text', text: 'released' }] } };
const until = async (isReached: () => boolean) => {
  while (!isReached()) await new Promise((done) => setImmediate(done));
};

/** Calls `wait`, reads what its stream has, and hangs up; what is left to read comes after `lastEventId`. */
async function lostCall(name: string, options: RawOptions, id: string | number = 1, args: object = {}) {
  const started = once(seen, `started ${name}`);
  const abort = new AbortController();
  const res = await raw.post(call(id, 'wait', { name, ...args }), { ...options, signal: abort.signal });
  await started;
  const stream = events(res);
  const found = [await next(stream), await next(stream)];
  const open = server.keepAlive.size();
  abort.abort();
  await expect(next(stream)).rejects.toThrow();
  await until(() => server.keepAlive.size() < open);
  return { found, lastEventId: String(found[1]?.id) };
}

describe('the stream of a call', () => {
  test('begins with an event that has an id, a time to wait and no data', async () => {
    const session = await raw.initialize();
    const stream = events(await raw.post(call(1, 'report'), { session }));
    const first = await next(stream);
    const ids = [first.id];
    for await (const { id, event } of stream) {
      expect(event).toBe('message');
      ids.push(id);
    }

    expect(first).toEqual({ id: expect.any(String), retry: '1000', data: '' });
    expect(new Set(ids).size).toBe(5);
  });

  test.each(['2025-06-18', '2025-03-26', '2024-11-05'])(
    'has ids but no empty event in revision %s, which does not define it',
    async (version) => {
      const session = await raw.initialize({}, undefined, version);
      const found = [];
      for await (const event of events(await raw.post(call(1, 'report'), { session }))) found.push(event);

      expect(found).toHaveLength(4);
      expect(found.every(({ id, data }) => id && data)).toBe(true);
    },
  );

  test('is resumed by the SDK client, which gets its answer and every log once', async () => {
    const { client } = await server.connect();
    const logs: unknown[] = [];
    client.setNotificationHandler(
      LoggingMessageNotificationSchema,
      ({ params }) => void logs.push(params.data),
    );
    await until(() => server.era.streams() === 1);
    const started = once(seen, 'started cut');
    const result = client.callTool({ name: 'wait', arguments: { name: 'cut' } });
    await started;
    await until(() => logs.length === 1);
    server.cut();
    seen.emit('release cut');

    expect((await result).content).toEqual(released.result.content);
    expect(logs).toEqual(['waiting']);
  });

  test('shows what came while the client was away, and ends with the answer', async () => {
    const session = await raw.initialize();
    const { lastEventId } = await lostCall('away', { session });
    seen.emit('release away');
    await until(() => server.era.streams() === 0);
    const res = await raw.get({ session, lastEventId });

    expect(res.headers.get('content-type')).toBe('text/event-stream');
    expect(await all(res)).toMatchObject([released]);
    const again = await raw.get({ session, lastEventId });
    expect(await all(again)).toMatchObject([released]);
    expect(server.era.streams()).toBe(0);
  });

  test('goes on live where it is resumed before the answer', async () => {
    const session = await raw.initialize();
    const { found } = await lostCall('live', { session });
    const res = await raw.get({ session, lastEventId: String(found[0]?.id) });
    const stream = events(res);

    expect(await next(stream)).toEqual(found[1]);
    expect(server.era.streams()).toBe(1);
    seen.emit('release live');
    const answer = await next(stream);
    expect(message(answer)).toMatchObject(released);
    expect(await next(stream)).toBeUndefined();
    expect(server.era.streams()).toBe(0);
    expect(await all(await raw.get({ session, lastEventId: String(answer.id) }))).toEqual([]);
  });

  test('brings a question to the client that comes back, and its answer to the tool', async () => {
    const session = await raw.initialize({ roots: {} });
    const abort = new AbortController();
    const asked = call(1, 'ask', { what: 'roots' });
    const stream = events(await raw.post(asked, { session, signal: abort.signal }));
    const lastEventId = String((await next(stream)).id);
    abort.abort();
    const resumed = messages(await raw.get({ session, lastEventId }));
    const { id } = await next(resumed);
    await raw.post({ id, result: { roots: [{ uri: 'file:///back' }] } }, { session });

    expect(JSON.stringify(await next(resumed))).toContain('file:///back');
    expect(await next(resumed)).toBeUndefined();
  });

  test('takes a question and a log that came while the client was away', async () => {
    const session = await raw.initialize({ roots: {} });
    const asking = await lostCall('asking', { session }, 1, { last: 'ask' });
    const logging = await lostCall('logging', { session }, 2, { last: 'log' });
    for (const name of ['asking', 'logging']) seen.emit(`release ${name}`);
    const resumed = messages(await raw.get({ session, lastEventId: asking.lastEventId }));
    const { id } = await next(resumed);
    await raw.post({ id, result: { roots: [] } }, { session });

    expect(await next(resumed)).toMatchObject(released);
    expect(await all(await raw.get({ session, lastEventId: logging.lastEventId }))).toMatchObject([
      { params: { data: 'waited' } },
      { ...released, id: 2 },
    ]);
  });

  test('is no longer read for a client that has gone', async () => {
    const { begin } = server.events;
    const stop = jest.fn();
    jest
      .spyOn(server.events, 'begin')
      .mockImplementation(async (...args) => ({ ...(await begin.apply(server.events, args)), stop }));
    const session = await raw.initialize();
    await lostCall('unread', { session });

    expect(stop).toHaveBeenCalledTimes(1);
    seen.emit('release unread');
  });

  test('has one reader: who resumes it ends the connection it was read on', async () => {
    const session = await raw.initialize();
    const started = once(seen, 'started twice');
    const older = events(await raw.post(call(1, 'wait', { name: 'twice' }), { session }));
    await started;
    const lastEventId = String((await next(older)).id);
    const newer = messages(await raw.get({ session, lastEventId }));
    seen.emit('release twice');
    await next(older);

    expect(await next(older)).toBeUndefined();
    expect(await next(newer)).toMatchObject({ params: { data: 'waiting' } });
    expect(await next(newer)).toMatchObject(released);
  });

  test('never shows a change, nor another call; nor does the stream of changes show a call', async () => {
    const session = await raw.initialize();
    const changes = messages(await raw.get({ session }));
    const first = await lostCall('first', { session }, 1);
    const second = await lostCall('second', { session }, 2);
    const resumed = messages(await raw.get({ session, lastEventId: first.lastEventId }));
    server.changes.publish({ kind: 'tools' });
    for (const name of ['second', 'first']) seen.emit(`release ${name}`);

    expect(await next(resumed)).toMatchObject(released);
    expect(await next(resumed)).toBeUndefined();
    const other = await all(await raw.get({ session, lastEventId: second.lastEventId }));
    expect(other).toMatchObject([{ ...released, id: 2 }]);
    await raw.end({ session });
    expect(await next(changes)).toMatchObject({ method: 'notifications/tools/list_changed' });
    expect(await next(changes)).toBeUndefined();
  });

  test('of a cancelled call ends where it was resumed, without an answer, and is forgotten', async () => {
    const session = await raw.initialize();
    const { lastEventId } = await lostCall('regretted', { session });
    const resumed = messages(await raw.get({ session, lastEventId }));
    await raw.post({ method: 'notifications/cancelled', params: { requestId: 1 } }, { session });

    expect(await next(resumed)).toBeUndefined();
    expect((await raw.get({ session, lastEventId })).status).toBe(400);
  });
});

describe('Last-Event-ID', () => {
  const refusal = async (options: RawOptions) => {
    const res = await raw.get(options);
    const { error } = await body(res);
    return { status: res.status, ...error, data: { ...error?.data, requestId: '' } };
  };

  test('unknown, of another session, and forgotten get the same answer', async () => {
    const [session, other] = [await raw.initialize(), await raw.initialize()];
    const { lastEventId } = await lostCall('mine', { session });
    const unknown = await refusal({ session, lastEventId: 'call-AAAAAAAAAAAAAAAAAAAAAA.1' });

    expect(unknown).toMatchObject({ status: 400, data: { code: 'malformed_message' } });
    expect(unknown.message).toContain('Last-Event-ID');
    expect(await refusal({ session: other, lastEventId })).toEqual(unknown);
    expect(await refusal({ session, lastEventId: '' })).toEqual(unknown);
    seen.emit('release mine');
    expect(await all(await raw.get({ session, lastEventId }))).toMatchObject([released]);
    await server.events.forget(session);
    expect(await refusal({ session, lastEventId })).toEqual(unknown);
    await until(() => server.era.streams() === 0);
  });

  test('of another caller is that of an unknown session', async () => {
    const session = await raw.initialize();
    const { lastEventId } = await lostCall('private', { session });
    const theirs = await raw.initialize({}, 'mallory');
    const stolen = await refusal({ session, lastEventId, caller: 'mallory' });

    expect(stolen).toMatchObject({ status: 404, data: { code: 'session_not_found' } });
    expect(stolen).toEqual(await refusal({ session: 'unknown', lastEventId, caller: 'mallory' }));
    const adopted = await refusal({ session: theirs, lastEventId, caller: 'mallory' });
    expect(adopted).toMatchObject({ status: 400, data: { code: 'malformed_message' } });
    seen.emit('release private');
    expect(await all(await raw.get({ session, lastEventId }))).toMatchObject([released]);
  });

  test('counts as a stream of its caller', async () => {
    const session = await raw.initialize();
    const { lastEventId } = await lostCall('capped', { session });
    await raw.get({ session });
    await raw.get({ session });

    expect(await refusal({ session, lastEventId })).toMatchObject({ data: { code: 'too_many_streams' } });
    seen.emit('release capped');
  });

  test('ends with its session', async () => {
    const session = await raw.initialize();
    const { lastEventId } = await lostCall('ended', { session });
    const resumed = messages(await raw.get({ session, lastEventId }));
    await raw.end({ session });

    expect(await next(resumed)).toBeUndefined();
    expect(await refusal({ session, lastEventId })).toMatchObject({ status: 404 });
    const other = await raw.initialize();
    expect(await refusal({ session: other, lastEventId })).toMatchObject({ status: 400 });
  });
});

describe('the stream of changes', () => {
  const changed = (kind: string) => ({ method: `notifications/${kind}/list_changed` });
  const subscribe = { id: 1, method: 'resources/subscribe', params: { uri: 'test://doc/1' } };
  const updated = { method: 'notifications/resources/updated', params: { uri: 'test://doc/1' } };

  /** Opens a stream and hangs up: its id, to come back with. */
  async function lostStream(session: string): Promise<string | undefined> {
    const abort = new AbortController();
    const open = server.era.streams();
    const { id } = await next(events(await raw.get({ session, signal: abort.signal })));
    abort.abort();
    await until(() => server.era.streams() === open);
    return id;
  }

  test('is resumed by the SDK client, which misses no change', async () => {
    const { client } = await server.connect();
    const told = new Promise<void>((resolve) => {
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
    });
    await until(() => server.era.streams() === 1);
    server.cut();
    await until(() => server.era.streams() === 0);
    server.changes.publish({ kind: 'tools' });

    await told;
  });

  test('tells nothing when a session opens its first one, and everything once when its client is back', async () => {
    const session = await raw.initialize();
    await raw.post(subscribe, { session });
    server.changes.publish({ kind: 'resource', uri: 'test://doc/1' });
    const first = events(await raw.get({ session }));
    const { id: lastEventId, data } = await next(first);
    server.changes.publish({ kind: 'prompts' });
    expect([data, message(await next(first))]).toMatchObject(['', changed('prompts')]);
    const resumed = messages(await raw.get({ session, ...(lastEventId && { lastEventId }) }));

    expect([await next(resumed), await next(resumed)]).toMatchObject([changed('tools'), updated]);
    server.changes.publish({ kind: 'resources' });
    expect(await next(resumed)).toMatchObject(changed('resources'));
    await raw.end({ session });
    expect(await next(resumed)).toBeUndefined();
  });

  test.each(['2025-06-18', '2025-11-25'])(
    'tells everything again to a client of revision %s that comes back without an id',
    async (version) => {
      const session = await raw.initialize({}, undefined, version);
      await raw.post(subscribe, { session });
      const abort = new AbortController();
      await raw.get({ session, signal: abort.signal });
      abort.abort();
      await until(() => server.era.streams() === 0);
      const stream = messages(await raw.get({ session }));

      expect([await next(stream), await next(stream)]).toMatchObject([changed('tools'), updated]);
    },
  );

  test('that outlived a newer one is told again: it ends with the next change, and its client comes back', async () => {
    const session = await raw.initialize();
    const older = events(await raw.get({ session }));
    const { id: lastEventId = '' } = await next(older);
    await lostStream(session);
    server.changes.publish({ kind: 'tools' });

    expect(await next(older)).toBeUndefined();
    expect(await next(messages(await raw.get({ session, lastEventId })))).toMatchObject(changed('tools'));
  });

  test('has ids of its session alone: those of another, and any other spelling, are unknown', async () => {
    const [session, other] = [await raw.initialize(), await raw.initialize()];
    const id = String(await lostStream(session));
    const [name = '', digest = ''] = id.split('.');
    const statuses = [];
    for (const lastEventId of [
      name,
      `${name}.1`,
      `${id}=`,
      `${id}.1`,
      id.toUpperCase(),
      `changes-.${digest}`,
    ])
      statuses.push((await raw.get({ session, lastEventId })).status);
    statuses.push((await raw.get({ session: other, lastEventId: id })).status);

    expect(new Set(statuses)).toEqual(new Set([400]));
    expect((await raw.get({ session, lastEventId: id })).status).toBe(200);
  });

  test('leaves nothing behind: a session whose stream has gone may idle out', async () => {
    const brief = await startTestServer({ idleMs: 400, keepAliveMs: 20 });
    const client = rawClient(brief.url);
    const begin = jest.spyOn(brief.events, 'begin');
    const session = await client.initialize();
    const abort = new AbortController();
    await client.get({ session, signal: abort.signal });
    const ended = new Promise<void>((resolve) => void brief.sessions.onEnd(() => resolve()));
    abort.abort();
    await ended;

    expect(begin).not.toHaveBeenCalled();
    await brief.close();
  });
});

test('a JSON answer, and a client that left before anything was sent, leave nothing in the log', async () => {
  const begin = jest.spyOn(server.events, 'begin');
  const session = await raw.initialize();
  await raw.post({ id: 1, method: 'ping' }, { session });
  const [started, finished] = [once(seen, 'started unheard'), once(seen, 'finished unheard')];
  const abort = new AbortController();
  const args = { name: 'unheard', quiet: true, last: 'log' };
  const answer = raw.post(call(1, 'wait', args), { session, signal: abort.signal });
  await started;
  const closed = once(server.calls, 'closed');
  abort.abort();
  await expect(answer).rejects.toThrow();
  await closed;
  seen.emit('release unheard');
  await finished;

  expect(begin).not.toHaveBeenCalled();
});

describe('a log that cannot keep events', () => {
  test('costs a call the way back, not its answer', async () => {
    jest.spyOn(server.events, 'begin').mockRejectedValue(new StoreUnavailable('away'));
    const session = await raw.initialize();
    const found = await all(await raw.post(call(1, 'report'), { session }));

    expect(found.map(({ id, params }) => id ?? params?.['level'])).toEqual(['debug', 'warning', 'error', 1]);
  });

  test('in the middle of a stream does not lose its answer', async () => {
    const { begin } = server.events;
    jest.spyOn(server.events, 'begin').mockImplementation(async (...args) => ({
      ...(await begin.apply(server.events, args)),
      end: () => Promise.reject(new StoreUnavailable('away')),
    }));
    const session = await raw.initialize();

    expect((await all(await raw.post(call(1, 'report'), { session }))).at(-1)).toMatchObject({ id: 1 });
  });

  test('for one message ends the way back: each message comes once, and the log keeps none of them', async () => {
    const { begin } = server.events;
    let appended = 0;
    jest.spyOn(server.events, 'begin').mockImplementation(async (...args) => {
      const stream = await begin.apply(server.events, args);
      const append = async (data: string) => {
        const id = await stream.append(data);
        if (++appended === 2) throw new StoreUnavailable('no answer in time'); // although it was kept
        return id;
      };
      return { ...stream, append };
    });
    const session = await raw.initialize();
    const found = [];
    for await (const event of events(await raw.post(call(1, 'report'), { session }))) found.push(event);
    const told = found.slice(1).map(message);

    expect(told.map(({ id, params }) => id ?? params?.['level'])).toEqual(['debug', 'warning', 'error', 1]);
    const back = await raw.get({ session, lastEventId: String(found[1]?.id) });
    expect(back.status).toBe(400);
    expect(appended).toBe(3); // those under way when the first failed, and none after
  });

  test('for it takes nothing holds a bounded part of a flood, and lets all of it come without ids', async () => {
    jest.spyOn(server.events, 'begin').mockReturnValue(new Promise(() => {}));
    const session = await raw.initialize();
    const found = await all(await raw.post(call(1, 'flood', { logs: 20, bytes: 500_000 }), { session }));

    expect(found.map(({ method }) => method)).toEqual([
      ...Array(20).fill('notifications/message'),
      undefined,
    ]);
  });

  test('for it brings nothing back holds a bounded part of a flood, and lets all of it come without ids', async () => {
    const { begin } = server.events;
    jest
      .spyOn(server.events, 'begin')
      .mockImplementation((owner, reader, lastWords) =>
        begin.call(server.events, owner, { ...reader, onEvent: () => {} }, lastWords),
      );
    const session = await raw.initialize();
    const found = await all(
      await raw.post(call(1, 'flood', { logs: 20, bytes: 500_000, waits: true }), { session }),
    );

    expect(found.filter(({ method }) => method === 'notifications/message')).toHaveLength(20);
    expect(found.at(-1)).toMatchObject({ id: 1 });
  });

  test('refuses a stream of changes of a session whose record cannot name it', async () => {
    const session = await raw.initialize();
    jest.spyOn(server.sessions, 'update').mockRejectedValue(new StoreUnavailable('away'));
    const res = await raw.get({ session });

    expect(res.status).toBe(503);
    await res.arrayBuffer();
    await until(() => server.era.streams() === 0);
  });
});
