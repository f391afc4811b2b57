/** Several real Redis servers that belong together: a Cluster of three primaries and replicas, or a primary that Sentinel watches. */
import { spawnSync } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { type RedisServer, startRedis, startSentinel } from './redis-server.js';

export interface RedisGroup {
  /** For `REDIS_URL`. */
  readonly url: string;
  /** Servers that hold data, primaries first. */
  readonly servers: readonly RedisServer[];
  /** Empties all of them. */
  flush(): void;
  /** Settles once the replicas of the first server have all that it has: replication is asynchronous. */
  replicated(): Promise<void>;
  close(): Promise<void>;
}

/** After so long without an answer a primary is replaced. */
const FAILOVER_MS = 1000;

function cli(port: number, ...args: string[]): string {
  const { stdout, status, stderr } = spawnSync('redis-cli', ['-p', String(port), ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

async function replicated({ port }: RedisServer): Promise<void> {
  const numbers = (pattern: RegExp) =>
    [...cli(port, 'info', 'replication').matchAll(pattern)].map(([, number]) => Number(number));
  const [offset = 0] = numbers(/^master_repl_offset:(\d+)/gm);
  while (numbers(/^slave\d+:.*,offset=(\d+)/gm).some((reached) => reached < offset))
    await new Promise(setImmediate);
}

/** The user of the server has the documented rights and no others. */
const USER = 'mcp:a-secret-of-the-test@';
const README = new URL('../../src/server/stores/README.md', import.meta.url);

async function aclOfUser(): Promise<readonly string[]> {
  const text = await readFile(README, 'utf8');
  const rights = /^user mcp .*$/m.exec(text)?.[0].replace('SECRET', 'a-secret-of-the-test');
  const ofCluster = /In a Cluster it also needs `([^`]+)`/.exec(text)?.[1];
  return `--${rights} ${ofCluster} --user default on nopass ~* &* +@all`.split(' ');
}

export async function startCluster(): Promise<RedisGroup> {
  const acl = await aclOfUser();
  const folder = await mkdtemp(join(tmpdir(), 'mcp-cluster-'));
  const servers: RedisServer[] = [];
  for (let i = 0; i < 6; i += 1) {
    const port = await freePort();
    const own = `--cluster-enabled yes --cluster-config-file ${folder}/${port}.conf --cluster-node-timeout ${FAILOVER_MS}`;
    const bus = `--cluster-port ${await freePort()} --cluster-replica-validity-factor 0`;
    servers.push(await startRedis(port, ...own.split(' '), ...bus.split(' '), ...acl));
  }
  const [seed] = servers;
  if (!seed) throw new Error('no server');
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  cli(
    seed.port,
    ...'--cluster create'.split(' '),
    ...addresses,
    ...'--cluster-replicas 1 --cluster-yes'.split(' '),
  );
  for (const { port } of servers) {
    while (!cli(port, 'cluster', 'info').includes('cluster_state:ok')) await new Promise(setImmediate);
    while (
      !/(role:master[^]*slave0:.*state=online)|(master_link_status:up)/.test(cli(port, 'info', 'replication'))
    )
      await new Promise(setImmediate);
  }
  return {
    url: servers.map(({ url }) => url.replace('//', `//${USER}`)).join(),
    servers,
    flush: () => servers.slice(0, 3).forEach(({ port }) => cli(port, 'flushall')),
    replicated: () => replicated(seed),
    async close() {
      await Promise.all(servers.map((server) => server.stop()));
      await rm(folder, { recursive: true });
    },
  };
}

export const SENTINEL_NAME = 'mcp';

export async function startSentinels(): Promise<RedisGroup> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-sentinel-'));
  const primary = await startRedis();
  const replicas = await Promise.all(
    [1, 2].map(() => startRedis(undefined, '--replicaof', '127.0.0.1', String(primary.port))),
  );
  for (const { port } of replicas) {
    while (!cli(port, 'info', 'replication').includes('master_link_status:up'))
      await new Promise(setImmediate);
  }
  const sentinels: RedisServer[] = [];
  for (let i = 0; i < 3; i += 1) {
    const port = await freePort();
    const file = join(folder, `${port}.conf`);
    await writeFile(file, `sentinel monitor ${SENTINEL_NAME} 127.0.0.1 ${primary.port} 2\n`);
    await appendFile(file, `sentinel down-after-milliseconds ${SENTINEL_NAME} ${FAILOVER_MS}\n`);
    await appendFile(file, `sentinel failover-timeout ${SENTINEL_NAME} 5000\n`);
    sentinels.push(await startSentinel(port, file));
  }
  for (const { port } of sentinels) {
    const known = () => cli(port, 'sentinel', 'master', SENTINEL_NAME).split('\n');
    const value = (name: string) => known()[known().indexOf(name) + 1];
    while (value('num-other-sentinels') !== '2' || value('num-slaves') !== '2')
      await new Promise(setImmediate);
  }
  const servers = [primary, ...replicas];
  return {
    url: sentinels.map(({ url }) => url).join(),
    servers,
    flush: () => void cli(primary.port, 'flushall'),
    replicated: () => replicated(primary),
    async close() {
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()));
      await rm(folder, { recursive: true });
    },
  };
}
