/** Processes that reach their Redis by TLS, as a user with exactly the documented rights. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { openStores } from '../../src/server/stores/index.js';
import { selfSignedCertificate } from '../helpers/certificate.js';
import { freePort } from '../helpers/free-port.js';
import { describeWithRedis } from '../helpers/redis.js';
import { type RedisServer, startRedis } from '../helpers/redis-server.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { agreeing, all, type Client, clientOf, isQuestion, read, stateless } from './client.js';

const SECRET = 'a-secret-of-the-test';

describeWithRedis('by TLS and as the documented user', () => {
  let folder: string;
  let redis: RedisServer;
  let deployment: Deployment;
  let admin: ReturnType<typeof createClient>;
  let alice: Client;
  let rights: string;
  let certFile: string;
  let redisUrl: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-tls-'));
    const readme = await readFile(new URL('../../src/server/stores/README.md', import.meta.url), 'utf8');
    rights = String(/^user mcp .*$/m.exec(readme)?.[0]);
    const { cert, key } = selfSignedCertificate();
    certFile = join(folder, 'cert.pem');
    const keyFile = join(folder, 'key.pem');
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
    const tlsPort = await freePort();
    redis = await startRedis(
      undefined,
      ...`--tls-port ${tlsPort} --tls-cert-file ${certFile} --tls-key-file ${keyFile}`.split(' '),
      ...`--tls-ca-cert-file ${certFile} --tls-auth-clients no --user default off`.split(' '),
      ...'--user admin on nopass ~* &* +@all'.split(' '),
      ...`--${rights.replace('SECRET', SECRET)}`.split(' '),
    );
    admin = createClient({ url: redis.url.replace('//', '//admin:any@') });
    await admin.connect();
    redisUrl = `rediss://mcp:${SECRET}@127.0.0.1:${tlsPort}`;
    deployment = await deploy({
      replicas: 2,
      redis: { ...redis, url: redisUrl },
      env: { REDIS_CA_FILE: certFile, STREAM_MAX_BUFFER_BYTES: '3000' },
    });
    alice = clientOf(deployment.alice);
  }, 60_000);
  afterAll(async () => {
    if (admin?.isOpen) admin.destroy();
    await deployment?.close();
    await redis?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** All that the stores do: limits, sessions, streams, changes, answers from elsewhere, ends. */
  async function useAll(a: Replica, b: Replica): Promise<void> {
    const session = await alice.initialize(a);
    for (const name of ['one.txt', 'two.txt']) await writeFile(join(deployment.files, name), 'text');
    await alice.post(b, { id: 1, method: 'logging/setLevel', params: { level: 'debug' } }, { session });
    const stream = await read((signal) => alice.get(a, { session, signal }));
    const params = { name: 'delete_document', arguments: { path: 'one.txt' } };
    const call = await read((signal) =>
      alice.post(a, { id: 2, method: 'tools/call', params }, { session, signal }),
    );
    const question = await call.saw(isQuestion);
    call.leave();
    const resumed = await read((signal) => alice.get(b, { session, signal, lastEventId: call.lastId() }));
    await alice.post(b, agreeing(question), { session });
    await Promise.all([resumed.ended, stream.saw(({ method }) => method?.endsWith('list_changed') === true)]);
    expect(resumed.messages().at(-1)?.result).toMatchObject({ structuredContent: { deleted: true } });

    for (let i = 0; i < 20; i++) await writeFile(join(deployment.files, `more-${i}.txt`), 'text');
    const more = await all(await alice.call(b, session, 'process_files', { paths: ['.'] })); // more than is kept
    expect(more.at(-1)?.result).toBeDefined();
    const cancelled = await read((signal) =>
      alice.post(
        a,
        { id: 3, method: 'tools/call', params: { ...params, arguments: { path: 'two.txt' } } },
        { session, signal },
      ),
    );
    await cancelled.saw(isQuestion);
    await alice.post(b, { method: 'notifications/cancelled', params: { requestId: 3 } }, { session });
    await cancelled.ended;
    const { body, headers } = stateless('tools/call', { name: 'whoami', arguments: {} });
    expect((await alice.post(b, body, { headers })).status).toBe(200);
    await alice.end(b, { session });
    await stream.ended;
  }

  /** What no sample tool uses. */
  async function useTasksAndGrants(): Promise<void> {
    let onReady = () => {};
    const ready = new Promise<void>((resolve) => (onReady = resolve));
    const shared = { url: redisUrl, caFile: certFile, replicas: 2, onFailure: 'strict' } as const;
    const stores = await openStores({
      sessionIdleMs: 60_000,
      redis: { ...shared, onChange: (isThere) => isThere && onReady() },
    });
    await ready;
    const { tasks, keptValues } = stores;
    const task = { id: 'task', owner: 'alice', tool: 'work', createdAt: Date.now(), ttlMs: 60_000 };
    const steps = [
      await tasks.create(task, 1),
      await tasks.change('task', { questions: { name: {} } }),
      await tasks.change('task', { answers: { name: 'Ada' } }),
      await keptValues.add('a', 'value', 60_000),
      (await keptValues.get('a')) === 'value',
      (await keptValues.take('a')) === 'value',
    ];
    await stores.close();
    expect(steps).toEqual(steps.map(() => true));
  }

  test('the servers do all they do, are denied nothing, and use every right they have', async () => {
    const [a, b] = deployment.replicas as [Replica, Replica];
    await admin.configResetStat();
    await admin.aclLogReset();
    const late = await deployment.start(); // for what a connection begins with
    await late.until(200);
    await useAll(a, b);
    await useTasksAndGrants();
    await late.stop('SIGTERM');
    const used = new Set(
      [...(await admin.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=[1-9]/gm)].map(
        ([, name]) => name,
      ),
    );
    const granted = [...rights.matchAll(/ \+(\S+)/g)].map(([, name]) => String(name));

    expect(await admin.aclLog()).toEqual([]);
    expect(granted.filter((name) => !used.has(name))).toEqual([]);
  });

  test('that user can touch no key and no channel but ours, and manage nothing', async () => {
    const denied = [
      ['GET', 'other'],
      ['SET', 'other', '1'],
      ['PUBLISH', 'other', '1'],
      ['EVAL', "return redis.call('GET', 'other')", '0'],
      ['FLUSHALL'],
      ['KEYS', '*'],
      ['CONFIG', 'GET', '*'],
      ['ACL', 'LIST'],
    ];
    const client = createClient({ url: redis.url.replace('//', `//mcp:${SECRET}@`) });
    await client.connect();
    const outcomes = await Promise.allSettled(denied.map((command) => client.sendCommand(command)));
    client.destroy();

    expect(outcomes.map(({ status }) => status)).toEqual(denied.map(() => 'rejected'));
  });

  test.each([
    ['an unknown authority', 'REDIS_CA_FILE', { REDIS_CA_FILE: '' }],
    ['a wrong password', 'password in REDIS_URL', { REDIS_URL: 'wrong' }],
  ])('with %s a server stays unready, alive, and logs once what to do', async (_what, fix, env) => {
    const { REDIS_URL: wrong } = { REDIS_URL: undefined, ...env };
    const url = `rediss://mcp:nonsense@127.0.0.1:${await admin.configGet('tls-port').then((c) => c['tls-port'])}`;
    const replica = await deployment.start(wrong === undefined ? env : { REDIS_URL: url });

    expect([await replica.probe('/readyz'), await replica.probe('/livez')]).toEqual([503, 200]);
    expect((await alice.call(replica, 'x'.repeat(43), 'whoami')).status).toBe(503);
    const { stderr, stdout } = replica.running.printed;
    expect(stderr.split('\n').filter((line) => line.includes('Redis cannot be used'))).toEqual([
      expect.stringContaining(fix),
    ]);
    expect(stderr + stdout).not.toMatch(new RegExp(`${SECRET}|nonsense`));
  });
});
