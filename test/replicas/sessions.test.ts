/** Revisions up to 2025-11-25 on three processes: whichever a request lands on, it is served. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { describeWithRedis } from '../helpers/redis.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import {
  agreeing,
  all,
  body,
  type Client,
  clientOf,
  isAnswer,
  isQuestion,
  type Message,
  read,
} from './client.js';

const SPREAD_MS = 2000;

describeWithRedis('a session on three replicas', () => {
  let deployment: Deployment;
  let a: Replica, b: Replica, c: Replica;
  let alice: Client, bob: Client;

  beforeAll(async () => {
    deployment = await deploy();
    [a, b, c] = deployment.replicas as [Replica, Replica, Replica];
    [alice, bob] = [clientOf(deployment.alice), clientOf(deployment.bob)];
  }, 60_000);
  afterAll(() => deployment?.close());

  async function document(name: string): Promise<string> {
    await writeFile(join(deployment.files, name), 'text');
    return name;
  }

  test('begun on one is served by all, to its owner; to another caller each answers as for an unknown id', async () => {
    const session = await alice.initialize(a);
    const statuses = { alice: [] as number[], bob: [] as number[], unknown: [] as number[] };
    const shown = new Set<string>();
    for (const replica of [a, b, c]) {
      statuses.alice.push((await alice.call(replica, session, 'whoami')).status);
      for (const [who, id] of [
        ['bob', session],
        ['unknown', 'x'.repeat(session.length)],
      ] as const) {
        for (const answer of [
          await bob.call(replica, id, 'whoami', {}, 'same'),
          await bob.get(replica, { session: id }),
          await bob.end(replica, { session: id }),
        ]) {
          statuses[who].push(answer.status);
          shown.add((await answer.text()).replaceAll(/[0-9a-f-]{36}/g, '').replace('"same"', 'null'));
        }
      }
    }

    expect(statuses.alice).toEqual([200, 200, 200]);
    expect(statuses.bob).toEqual(Array(9).fill(404));
    expect(statuses.unknown).toEqual(Array(9).fill(404));
    expect(shown.size).toBe(1);
    expect((await alice.call(c, session, 'whoami')).status).toBe(200);
  });

  test('a level set on one replica holds on the others', async () => {
    const session = await alice.initialize(a);
    await alice.post(a, { id: 1, method: 'logging/setLevel', params: { level: 'critical' } }, { session });
    const levels = (await all(await alice.call(b, session, 'log_levels'))).map(
      ({ params }) => params?.['level'],
    );

    expect(levels).toEqual(['critical', 'alert', 'emergency', undefined]);
  });

  test('a call left on one replica is read on from another: what was missed, what comes, and its answer', async () => {
    const path = await document('resumed.txt');
    const session = await alice.initialize(a);
    const first = await read((signal) =>
      alice.post(a, toolCall('delete_document', { path }), { session, signal }),
    );
    const question = await first.saw(isQuestion);
    const primer = first.events[0]?.id;
    first.leave();
    const second = await read((signal) => alice.get(b, { session, signal, lastEventId: primer }));
    await second.saw(isQuestion);
    expect((await alice.post(c, agreeing(question), { session })).status).toBe(202);
    expect(await second.ended).toBe('ended');

    expect(second.messages().map(({ method }) => method)).toEqual([
      'elicitation/create',
      'notifications/message',
      undefined,
    ]);
    expect(second.messages().at(-1)?.result?.['structuredContent']).toEqual({ path, deleted: true });
    const late = await read((signal) => alice.get(c, { session, signal, lastEventId: second.events[0]?.id }));
    expect(await late.ended).toBe('ended');
    expect(late.events).toEqual(second.events.slice(1));
  });

  test('a stream resumed on one replica is told of changes, and ends with the next on the other', async () => {
    const session = await alice.initialize(a);
    const first = await read((signal) => alice.get(a, { session, signal }));
    const path = await document('moved.txt');
    await first.until(() => first.lastId() !== undefined);
    const second = await read((signal) => alice.get(b, { session, signal, lastEventId: first.lastId() }));
    await second.saw(isListOfResources); // told again
    await deleteOn(c, session, path);
    await second.until(() => second.messages().filter(isListOfResources).length === 2);

    expect(await first.ended).toBe('ended');
    expect(first.messages()).toEqual([]);
    second.leave();
  });

  test.each([
    ['a cancellation', (id: string) => ({ method: 'notifications/cancelled', params: { requestId: id } })],
  ])('%s that lands on another replica ends the call', async (_what, message) => {
    const path = await document('cancelled.txt');
    const session = await alice.initialize(a);
    const call = await read((signal) =>
      alice.post(a, { ...toolCall('delete_document', { path }), id: 'long' }, { session, signal }),
    );
    const question = await call.saw(isQuestion);
    await alice.post(b, message('long'), { session });
    expect(await call.ended).toBe('ended');

    expect(call.messages().filter(isAnswer)).toEqual([]);
    await alice.post(c, agreeing(question), { session });
    const stats = await body(
      await alice.call(b, session, 'process_files', { paths: [path] }).then(onlyAnswer),
    );
    expect(stats.result?.['isError']).not.toBe(true);
  });

  test('an answer that comes while no replica hears messages reaches the call once they hear again', async () => {
    const path = await document('deaf.txt');
    const session = await alice.initialize(a);
    const call = await read((signal) =>
      alice.post(a, toolCall('delete_document', { path }), { session, signal }),
    );
    const question = await call.saw(isQuestion);
    const admin = await createClient({ url: deployment.redis.url }).connect();
    const heard = new AbortController();
    let killed = 0;
    const deafen = async () => {
      while (!heard.signal.aborted)
        killed += Number(await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']));
    };
    const deafening = deafen();
    const { status } = await alice.post(b, agreeing(question), { session });
    heard.abort();
    await deafening;
    admin.destroy();
    expect(status).toBe(202);
    await call.ended;

    expect(killed).toBeGreaterThanOrEqual(3);
    expect(call.messages().filter(isAnswer)).toHaveLength(1);
    expect(call.messages().at(-1)?.result?.['structuredContent']).toEqual({ path, deleted: true });
  });

  test("another caller's answer does not reach the call, wherever it lands", async () => {
    const path = await document('guarded.txt');
    const session = await alice.initialize(a);
    const call = await read((signal) =>
      alice.post(a, toolCall('delete_document', { path }), { session, signal }),
    );
    const question = await call.saw(isQuestion);
    const own = await bob.initialize(b);
    expect((await bob.post(b, agreeing(question), { session })).status).toBe(404);
    expect((await bob.post(b, agreeing(question), { session: own })).status).toBe(202);
    await alice.post(c, { id: question.id, result: { action: 'decline' } }, { session });
    await call.ended;

    expect(call.messages().at(-1)?.result?.['structuredContent']).toEqual({ path, deleted: false });
  });

  test('an end on one replica ends calls and streams on all, within two seconds, and the session everywhere', async () => {
    const path = await document('kept.txt');
    const session = await alice.initialize(a);
    const stream = await read((signal) => alice.get(a, { session, signal }));
    const call = await read((signal) =>
      alice.post(b, toolCall('delete_document', { path }), { session, signal }),
    );
    await call.saw(isQuestion);
    const endedAt = performance.now();
    expect((await alice.end(c, { session })).status).toBe(204);
    expect(await Promise.all([stream.ended, call.ended])).toEqual(['ended', 'ended']);
    expect(performance.now() - endedAt).toBeLessThan(SPREAD_MS);

    const after = await Promise.all([a, b, c].map((one) => alice.call(one, session, 'whoami')));
    expect(after.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  /** Deletes a document, whose change everybody is told. */
  async function deleteOn(replica: Replica, session: string, path: string): Promise<void> {
    const call = await read((signal) =>
      alice.post(replica, toolCall('delete_document', { path }), { session, signal }),
    );
    await alice.post(replica, agreeing(await call.saw(isQuestion)), { session });
    await call.ended;
  }
});

const isListOfResources = ({ method }: Message) => method === 'notifications/resources/list_changed';

function toolCall(name: string, args: object) {
  return { id: 1, method: 'tools/call', params: { name, arguments: args } };
}

/** The answer of a streamed call as if it had come as JSON. */
async function onlyAnswer(response: Response): Promise<Response> {
  return Response.json((await all(response)).at(-1));
}
