/** Changes on three processes: each reaches a session on whichever replica its stream is, or is told when it is back. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithRedis } from '../helpers/redis.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { agreeing, type Client, clientOf, isQuestion, type Reading, read } from './client.js';

const SPREAD_MS = 2000;

describeWithRedis('changes on three replicas', () => {
  let deployment: Deployment;
  let a: Replica, b: Replica, c: Replica;
  let alice: Client;

  beforeAll(async () => {
    deployment = await deploy();
    [a, b, c] = deployment.replicas as [Replica, Replica, Replica];
    alice = clientOf(deployment.alice);
  }, 60_000);
  afterAll(() => deployment?.close());

  const open = (replica: Replica, session: string, lastEventId?: string): Promise<Reading> =>
    read((signal) => alice.get(replica, { session, signal, lastEventId }));

  async function primed(reading: Reading): Promise<string> {
    await reading.until(() => reading.lastId() !== undefined);
    return String(reading.lastId());
  }

  /** Publishes that `path` and the list have changed, by deleting the document in a session of its own. */
  async function change(replica: Replica, path: string): Promise<void> {
    await writeFile(join(deployment.files, path), 'text');
    const session = await alice.initialize(replica);
    const call = await read((signal) =>
      alice.post(
        replica,
        { id: 1, method: 'tools/call', params: { name: 'delete_document', arguments: { path } } },
        { session, signal },
      ),
    );
    await alice.post(replica, agreeing(await call.saw(isQuestion)), { session });
    await call.ended;
  }

  async function subscribe(replica: Replica, session: string, path: string): Promise<void> {
    const params = { uri: `documents:///${path}` };
    const answer = await alice.post(replica, { id: 's', method: 'resources/subscribe', params }, { session });
    expect(await answer.json()).toMatchObject({ result: {} });
  }

  const updated = (readings: readonly Reading[]) =>
    readings.flatMap((one) => one.messages()).flatMap(({ params }) => params?.['uri'] ?? []);
  const isUpdate = (path: string) => (message: { params?: Record<string, unknown> }) =>
    message.params?.['uri'] === `documents:///${path}`;

  test('reach the stream wherever it is and whoever published them; what was not asked for does not', async () => {
    const session = await alice.initialize(a);
    await subscribe(b, session, 'one.txt');
    await subscribe(c, session, 'two.txt');
    const stream = await open(a, session);
    await primed(stream);
    await change(b, 'other.txt');
    await change(b, 'one.txt');
    await change(c, 'two.txt');
    await stream.saw(isUpdate('two.txt'));

    expect(updated([stream])).toEqual(['documents:///one.txt', 'documents:///two.txt']);
    stream.leave();
  });

  test('are told again, each thing once, on a stream that moves from replica to replica', async () => {
    const session = await alice.initialize(a);
    const paths = ['m1.txt', 'm2.txt', 'm3.txt'];
    for (const path of paths) await subscribe(a, session, path);
    const everything = paths.map((path) => `documents:///${path}`);
    let last = await open(a, session);
    for (const [replica, path] of [
      [b, 'm1.txt'],
      [c, 'm2.txt'],
      [a, 'm3.txt'],
    ] as const) {
      const id = await primed(last);
      last.leave();
      await last.ended;
      await change(c, path); // while it is nowhere
      last = await open(replica, session, id);
      await last.until(() => updated([last]).length === everything.length);
      expect(updated([last])).toEqual(everything);
    }
    await change(b, 'm1.txt');
    await last.until(() => updated([last]).length > everything.length);

    expect(updated([last])).toEqual([...everything, 'documents:///m1.txt']);
    last.leave();
  });

  test('go to the newest of the streams that a session has on several replicas; the others end', async () => {
    const session = await alice.initialize(a);
    for (const path of ['t1.txt', 't2.txt']) await subscribe(a, session, path);
    const streams: Reading[] = [];
    for (const replica of [a, b, c]) {
      streams.push(await open(replica, session));
      await primed(streams.at(-1) as Reading);
    }
    const [first, second, newest] = streams as [Reading, Reading, Reading];
    for (const one of [second, newest]) await one.saw(isUpdate('t2.txt')); // what they may have missed
    await change(a, 't1.txt');
    await change(b, 't2.txt');
    await newest.until(() => updated([newest]).length === 4);

    expect(await Promise.all([first.ended, second.ended])).toEqual(['ended', 'ended']);
    expect([first, second].map((one) => updated([one]).length)).toEqual([0, 2]);
    expect(updated([newest]).slice(2)).toEqual(['t1', 't2'].map((name) => `documents:///${name}.txt`));
    newest.leave();
  });

  test('are told to a client that comes back from a stream whose replica was killed', async () => {
    const dying = await deployment.start();
    const session = await alice.initialize(dying);
    await subscribe(dying, session, 'waits.txt');
    const cut = await open(dying, session);
    const id = await primed(cut);
    await dying.stop('SIGKILL');
    expect(await cut.ended).toBe('cut');
    await change(a, 'waits.txt');
    const stream = await open(b, session, id);
    await stream.saw(isUpdate('waits.txt'));

    expect(updated([stream])).toEqual(['documents:///waits.txt']);
    stream.leave();
  });

  test('an expired session ends its streams on every replica within two seconds', async () => {
    const short = { SESSION_IDLE_MS: '1000' };
    const [d, e] = await Promise.all([deployment.start(short), deployment.start(short)]);
    await Promise.all([d.until(200), e.until(200)]);
    const session = await alice.initialize(d);
    const streams = [await open(d, session), await open(e, session)];
    const startedAt = performance.now();
    expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual(['ended', 'ended']);

    expect(performance.now() - startedAt).toBeLessThan(1000 + SPREAD_MS);
    expect((await alice.call(e, session, 'whoami')).status).toBe(404);
  });
});
