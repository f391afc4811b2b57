/** What a server says of a Redis that refuses it. The Redis is real. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { connect, type Connection } from '../../../src/server/stores/redis/connection.js';
import { selfSignedCertificate } from '../../helpers/certificate.js';
import { freePort } from '../../helpers/free-port.js';
import { describeWithRedis } from '../../helpers/redis.js';
import { type RedisServer, startRedis } from '../../helpers/redis-server.js';
import { after } from './after.js';

const SECRET = 'a-secret-of-the-test';
const USER = ['--user', 'app', 'on', `>${SECRET}`, '~mcp:*'];

describeWithRedis('a Redis that refuses the server', () => {
  let folder: string;
  let servers: RedisServer[];
  let connection: Connection | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-refuses-'));
    servers = [];
    connection = undefined;
  });
  afterEach(async () => {
    await connection?.close();
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  async function start(...args: string[]): Promise<RedisServer> {
    const server = await startRedis(undefined, '--dir', folder, ...args);
    servers.push(server);
    return server;
  }

  async function startTls(): Promise<{ plain: string; tls: string }> {
    const { cert, key } = selfSignedCertificate();
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
    const port = await freePort();
    const tls = `--tls-port ${port} --tls-cert-file ${certFile} --tls-key-file ${keyFile} --tls-auth-clients no`;
    await start(...tls.split(' '), '--tls-ca-cert-file', certFile);
    return { plain: `redis://127.0.0.1:${port}`, tls: `rediss://127.0.0.1:${port}` };
  }

  /** A cluster, by the node that holds no slot of it. */
  async function startCluster(): Promise<string> {
    const nodes: { server: RedisServer; bus: number }[] = [];
    for (const name of ['one', 'two']) {
      const bus = await freePort();
      const cluster = `--cluster-enabled yes --cluster-config-file ${name}.conf --cluster-port ${bus}`;
      nodes.push({ server: await start(...cluster.split(' ')), bus });
    }
    const [empty, full] = nodes.map(({ server }) => createClient({ url: server.url }));
    if (!empty || !full || !nodes[1]) throw new TypeError('two nodes');
    await Promise.all([empty.connect(), full.connect()]);
    await full.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    const { server, bus } = nodes[1];
    await empty.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(server.port), String(bus)]);
    while (!(await empty.sendCommand<string>(['CLUSTER', 'INFO'])).includes('cluster_state:ok'))
      await after(50);
    for (const client of [empty, full]) client.destroy();
    return String(nodes[0]?.server.url);
  }

  const refusals: readonly (readonly [string, RegExp, () => Promise<string>])[] = [
    [
      'a wrong password',
      /password in REDIS_URL/,
      async () => (await start(...USER, '&mcp:*', '+@all')).url.replace('//', `//app:not-${SECRET}@`),
    ],
    [
      'no password where one is needed',
      /password in REDIS_URL/,
      async () => (await start('--requirepass', SECRET)).url,
    ],
    [
      'a user that may not write',
      /rights/,
      async () => (await start(...USER, '&mcp:*', '+@all', '-set')).url.replace('//', `//app:${SECRET}@`),
    ],
    [
      'a user that may run no script, whatever else it may',
      /rights/,
      async () => (await start(...USER, '&mcp:*', '+@all', '-eval')).url.replace('//', `//app:${SECRET}@`),
    ],
    [
      'a user that may listen to no channel',
      /rights/,
      async () => (await start(...USER, 'resetchannels', '+@all')).url.replace('//', `//app:${SECRET}@`),
    ],
    ['a certificate of an unknown authority', /REDIS_CA_FILE/, async () => (await startTls()).tls],
    [
      'TLS to a port that does not speak it',
      /redis:/,
      async () => (await start()).url.replace('redis:', 'rediss:'),
    ],
    ['no TLS to a port that needs it', /rediss:/, async () => (await startTls()).plain],
    ['nobody behind the port', /host and port/, async () => `redis://127.0.0.1:${await freePort()}`],
    ['one node of a cluster', /Redis Cluster/, startCluster],
  ];

  test.each(refusals)(
    '%s is said once, with what to do, and without a password',
    async (_what, fix, open) => {
      const url = await open();
      const reported: { error: unknown; fix: string }[] = [];
      connection = connect({ url, onRefused: (error, fixOf) => reported.push({ error, fix: fixOf }) });
      connection.subscribe('mcp:any', () => {});
      const run = () => connection?.run((client) => client.eval('return 1')).catch(() => {});
      while (reported.length === 0) {
        await run();
        await after(20);
      }
      await after(700); // in which it is tried again, several times
      await run();

      expect(reported).toEqual([
        { error: expect.objectContaining({ message: expect.any(String) }), fix: expect.stringMatching(fix) },
      ]);
      expect(inspect(reported, { depth: 9 })).not.toContain(SECRET);
    },
  );

  test('a password that changes while the server runs is said once in each outage', async () => {
    const server = await start(...USER, '&mcp:*', '+@all');
    const admin = createClient({ url: server.url });
    await admin.connect();
    const fixes: string[] = [];
    let wake = () => {};
    const waitFor = (is: () => boolean) =>
      new Promise<void>((resolve) => {
        wake = () => is() && resolve();
        wake();
      });
    const opened = connect({
      url: server.url.replace('//', `//app:${SECRET}@`),
      onChange: () => wake(),
      onRefused: (_error, fix) => {
        fixes.push(fix);
        wake();
      },
    });
    connection = opened;
    await waitFor(opened.healthy);
    for (const outage of [1, 2]) {
      await admin.aclSetUser('app', ['resetpass', '>another']);
      await admin.sendCommand(['CLIENT', 'KILL', 'USER', 'app']);
      await waitFor(() => fixes.length === outage && !opened.healthy());
      await after(300);
      await admin.aclSetUser('app', ['resetpass', `>${SECRET}`]);
      await waitFor(opened.healthy);
    }
    admin.destroy();

    expect(fixes).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('password')));
  });
});
