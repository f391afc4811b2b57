/** Two replicas that share their stores: what one does to a session reaches what the other has open in it. */
import { once } from 'node:events';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { memoryChanges, memoryClientReplies } from '../../../../src/server/stores/memory/bus.js';
import { memoryEvents } from '../../../../src/server/stores/memory/events.js';
import { memorySessions } from '../../../../src/server/stores/memory/sessions.js';
import { after } from '../../stores/after.js';
import { messages, next } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { seen, startTestServer } from './test-server.js';

let here: Awaited<ReturnType<typeof startTestServer>>;
let there: typeof here;
let shared: ReturnType<typeof openShared>;
let onOneReplica: ReturnType<typeof rawClient>;
let onTheOther: ReturnType<typeof rawClient>;

function openShared() {
  return {
    sessions: memorySessions(600_000),
    changes: memoryChanges(),
    clientReplies: memoryClientReplies(),
    events: memoryEvents(1_000_000, 60_000),
  };
}

beforeEach(async () => {
  shared = openShared();
  [here, there] = await Promise.all([startTestServer(shared), startTestServer(shared)]);
  [onOneReplica, onTheOther] = [rawClient(here.url), rawClient(there.url)];
});
afterEach(async () => {
  await Promise.all([here.close(), there.close()]);
  await Promise.all([shared.sessions.close(), shared.events.close()]);
});

const call = (name: string, args: object, id: number | string = 1) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});

test('a cancellation on another replica ends a call that takes longer than a moment', async () => {
  const session = await onOneReplica.initialize();
  const subscribe = jest.spyOn(shared.clientReplies, 'subscribe');
  const [cancelled, started] = [once(seen, 'cancelled long'), once(seen, 'started long')];
  const answer = onOneReplica.post(call('wait', { name: 'long', quiet: true }), { session });
  await started;
  while (subscribe.mock.calls.length === 0) await after(5);
  await onTheOther.post({ method: 'notifications/cancelled', params: { requestId: 1 } }, { session });
  await cancelled;

  expect(await (await answer).text()).not.toContain('released');
});

test('the answer to a question may come by another replica at once', async () => {
  const session = await onOneReplica.initialize({ elicitation: {} });
  const stream = messages(await onOneReplica.post(call('ask', { what: 'confirm' }), { session }));
  const { id } = await next(stream);
  await onTheOther.post({ id, result: { action: 'decline' } }, { session });

  expect(JSON.stringify(await next(stream))).toContain('decline');
});

test('a stream hears of what its session subscribes to on another replica, and of nothing else', async () => {
  const session = await onOneReplica.initialize();
  const stream = messages(await onOneReplica.get({ session }));
  const subscribe = jest.spyOn(shared.changes, 'recent');
  await onTheOther.post(
    { id: 1, method: 'resources/subscribe', params: { uri: 'test://doc/1' } },
    { session },
  );
  while (subscribe.mock.calls.length === 0) await new Promise(setImmediate);
  for (const id of [2, 1]) shared.changes.publish({ kind: 'resource', uri: `test://doc/${id}` });

  expect(await next(stream)).toMatchObject({ params: { uri: 'test://doc/1' } });
});

test('calls that are done within a moment follow nothing, and nothing is followed once all is closed', async () => {
  const [follow, subscribe] = [
    jest.spyOn(shared.sessions, 'follow'),
    jest.spyOn(shared.changes, 'subscribe'),
  ];
  const session = await onOneReplica.initialize();
  for (let id = 1; id <= 20; id++) await onOneReplica.post(call('peek', {}, id), { session });
  expect(follow).not.toHaveBeenCalled();

  const leave = new AbortController();
  await onOneReplica.get({ session, signal: leave.signal });
  const subscriptions = [follow, subscribe].map(({ mock }) => mock.results.at(-1)?.value);
  const stops = subscriptions.map((one) => jest.spyOn(one as { stop(): void }, 'stop'));
  leave.abort();
  while (stops.some(({ mock }) => mock.calls.length === 0)) await after(5);

  expect(follow).toHaveBeenCalledTimes(1);
});
