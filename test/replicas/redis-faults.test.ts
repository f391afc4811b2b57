/** Three processes while their Redis fails them. The faults are real, and what becomes of each request is counted. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { after } from '../server/stores/after.js';
import { describeWithRedis } from '../helpers/redis.js';
import { type RedisServer, startRedis } from '../helpers/redis-server.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { agreeing, type Client, clientOf, isQuestion, read, stateless, tally } from './client.js';

/** What a fault may add to a request. */
const MAX_EXTRA_MS = 500;
const EACH = 12;

describeWithRedis('three replicas whose Redis', () => {
  let deployment: Deployment;
  let redis: RedisServer;
  let data: string;
  let alice: Client;
  let admin: ReturnType<typeof createClient>;

  const start = (port?: number) =>
    startRedis(
      port,
      ...`--appendonly yes --appendfsync always --dir ${data}`.split(' '),
      ...'--enable-debug-command local'.split(' '),
      ...'--user default on nopass ~* &* +@all'.split(' '),
      ...'--user admin on nopass ~* &* +@all'.split(' '),
    );

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'mcp-redis-'));
    redis = await start();
    deployment = await deploy({ redis });
    alice = clientOf(deployment.alice);
    admin = createClient({ url: redis.url.replace('//', '//admin:any@') });
    admin.on('error', () => {});
    await admin.connect();
  }, 60_000);
  afterAll(async () => {
    if (admin?.isOpen) admin.destroy();
    await deployment?.close();
    await redis?.stop();
    await rm(data, { recursive: true, force: true });
  });

  const onEach = (send: (replica: Replica) => Promise<Response>) =>
    deployment.replicas.flatMap((replica) => Array.from({ length: EACH }, () => () => send(replica)));
  const inSession = (session: string) => onEach((replica) => alice.call(replica, session, 'whoami'));
  const withoutSession = () => {
    const { body, headers } = stateless('tools/call', { name: 'whoami', arguments: {} });
    return onEach((replica) => alice.post(replica, body, { headers }));
  };
  const all = (status: 200 | 503) => Promise.all(deployment.replicas.map((one) => one.until(status)));
  /** Sends a command after which nothing is answered for a while. */
  const command = async (...args: string[]) => {
    const probe = admin.duplicate().on('error', () => {});
    await probe.connect();
    void admin.sendCommand(args);
    while ((await Promise.race([probe.ping(), after(100)])) !== undefined);
    probe.destroy();
  };

  async function change(path: string): Promise<void> {
    const replica = deployment.replicas[2] as Replica;
    await writeFile(join(deployment.files, path), 'text');
    const session = await alice.initialize(replica);
    const params = { name: 'delete_document', arguments: { path } };
    const call = await read((signal) =>
      alice.post(replica, { id: 1, method: 'tools/call', params }, { session, signal }),
    );
    await alice.post(replica, agreeing(await call.saw(isQuestion)), { session });
    await call.ended;
  }

  /** What it is, how it comes, how it ends; and what a session gets until it is noticed. */
  const faults: readonly (readonly [string, () => unknown, () => unknown, string[]?])[] = [
    ['is stopped', () => redis.process.kill('SIGSTOP'), () => redis.process.kill('SIGCONT')],
    ['sleeps', () => command('DEBUG', 'SLEEP', '2'), () => {}],
    ['is paused', () => command('CLIENT', 'PAUSE', '2000', 'ALL'), () => {}],
    [
      'is read-only',
      () => admin.sendCommand(['REPLICAOF', '127.0.0.1', '1']),
      () => admin.sendCommand(['REPLICAOF', 'NO', 'ONE']),
    ],
    [
      'is out of memory',
      () => admin.configSet('maxmemory', '1'),
      () => admin.configSet('maxmemory', '0'),
      ['200', '503'], // what takes no memory goes on
    ],
    [
      'denies everything',
      () => admin.aclSetUser('default', '-@all'),
      () => admin.aclSetUser('default', '+@all'),
    ],
    ['is killed', () => redis.stop(), async () => void (redis = await start(redis.port))],
  ];

  test.each(faults)(
    '%s refuse what needs a session, serve the rest, and need no restart',
    async (_what, inflict, repair, meanwhile = ['503']) => {
      const [a, b] = deployment.replicas as [Replica, Replica];
      const session = await alice.initialize(a);
      const stream = await read((signal) => alice.get(b, { session, signal }));
      const usual = await tally([...inSession(session), ...withoutSession()]);
      expect(usual).toMatchObject({ answered: { 200: 6 * EACH }, lost: 0 });

      await inflict();
      const [needing, others] = await Promise.all([tally(inSession(session)), tally(withoutSession())]);
      await all(503);
      const ready = await tally([...inSession(session), ...withoutSession()]);
      const alive = await Promise.all(deployment.replicas.map((one) => one.probe('/livez')));
      await repair();
      await all(200);
      const repaired = await tally([...inSession(session), ...withoutSession()]);
      const changes = () =>
        stream.messages().filter(({ method }) => method === 'notifications/resources/list_changed').length;
      await stream.until(() => changes() > 0); // told again: a change may have been lost
      const before = changes();
      await change('after.txt');
      await stream.until(() => changes() > before);

      expect(needing).toMatchObject({ lost: 0, withoutRetryAfter: 0 });
      expect(Object.values(needing.answered).reduce((sum, count) => sum + count)).toBe(needing.sent);
      expect(Object.keys(needing.answered).filter((status) => !meanwhile.includes(status))).toEqual([]);
      expect(others).toMatchObject({ answered: { 200: 3 * EACH }, lost: 0 });
      expect(Math.max(needing.slowestMs, others.slowestMs)).toBeLessThan(usual.slowestMs + MAX_EXTRA_MS);
      expect(ready.answered).toEqual({ 200: 3 * EACH, 503: 3 * EACH });
      expect(ready.slowestMs).toBeLessThan(usual.slowestMs + MAX_EXTRA_MS);
      expect(alive).toEqual([200, 200, 200]);
      expect(repaired).toMatchObject({ answered: { 200: 6 * EACH }, lost: 0 });
      expect(changes()).toBeGreaterThan(before);
      stream.leave();
    },
  );

  test('is emptied know no session any more, end its streams, and open new ones', async () => {
    const [a, b] = deployment.replicas as [Replica, Replica];
    const session = await alice.initialize(a);
    await admin.flushAll();
    const gone = await tally(inSession(session));
    const anew = await alice.initialize(b);

    expect(gone).toMatchObject({ answered: { 404: 3 * EACH }, lost: 0 });
    expect(await tally(inSession(anew))).toMatchObject({ answered: { 200: 3 * EACH }, lost: 0 });
  });

  test('is down when they start serve what they can, and the rest once it is there', async () => {
    await redis.stop();
    await all(503);
    const late = await deployment.start();
    const before = [await late.probe('/livez'), await late.probe('/readyz')];
    const { body, headers } = stateless('tools/call', { name: 'whoami', arguments: {} });
    const statuses = [
      (await alice.post(late, body, { headers })).status,
      (await alice.call(late, 'x'.repeat(43), 'whoami')).status,
    ];
    redis = await start(redis.port);
    await Promise.all([all(200), late.until(200)]);
    const session = await alice.initialize(late);

    expect(before).toEqual([200, 503]);
    expect(statuses).toEqual([200, 503]);
    expect((await alice.call(late, session, 'whoami')).status).toBe(200);
    expect(deployment.replicas.map(({ running }) => running.child.exitCode)).toEqual(Array(4).fill(null));
  });
});
