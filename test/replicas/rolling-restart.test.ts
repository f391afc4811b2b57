/** One process after another is replaced behind a load balancer, under load: nobody notices. */
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { after } from '../stores/after.js';
import { describeWith, type Proxy, startHaproxy, startNginx } from '../helpers/proxies.js';
import { type Deployment, deploy } from '../helpers/processes.js';
import { agreeing, type Client, clientOf, isQuestion, type Reading, read } from './client.js';

const CALLS_PER_SECOND = 100;
const STREAMS = 200;
/** Longer than a balancer takes to learn that a server is unready. */
const UNREADY_MS = 800;
const DOCUMENTS = 3;

let opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.toReversed()) await close();
  opened = [];
});

describeWith(['redis-server', 'nginx'], 'behind nginx', () => {
  test('a rolling restart fails no call and ends no stream for good', async () => {
    await rollingRestart(async (deployment) => {
      const proxy = await startNginx(deployment.proxyPort, deployment.replicas);
      const stop = followReadiness(deployment, proxy);
      return { ...proxy, stop: async () => (stop(), proxy.stop()) };
    });
  }, 90_000);
});

describeWith(['redis-server', 'haproxy'], 'behind HAProxy', () => {
  test('a rolling restart fails no call and ends no stream for good', async () => {
    await rollingRestart((deployment) => startHaproxy(deployment.proxyPort, deployment.replicas));
  }, 90_000);
});

/** What an ingress controller does: the list follows `/readyz`. */
function followReadiness(deployment: Deployment, proxy: Proxy): () => void {
  let known = deployment.replicas.map(({ port }) => port).join();
  let stopped = false;
  const follow = async () => {
    for (;;) {
      if (stopped) return;
      const statuses = await Promise.all(
        deployment.replicas.map((one) => one.probe('/readyz').catch(() => 0)),
      );
      const ready = deployment.replicas.filter((_one, i) => statuses[i] === 200);
      const list = ready.map(({ port }) => port).join();
      if (ready.length > 0 && list !== known) await proxy.serve(ready);
      known = list;
      await after(100);
    }
  };
  void follow();
  return () => (stopped = true);
}

async function rollingRestart(balance: (deployment: Deployment) => Promise<Proxy>): Promise<void> {
  const deployment = await deploy({ env: { SHUTDOWN_DELAY_MS: String(UNREADY_MS) } });
  opened.push(deployment.close);
  const proxy = await balance(deployment);
  opened.push(proxy.stop);
  // A proxy that reloads may close a connection just as its client sends on it again.
  const alice = clientOf(deployment.alice, { connection: 'close' });
  await mkdir(join(deployment.files, 'folder'));
  for (let i = 0; i < DOCUMENTS; i++) await writeFile(join(deployment.files, 'folder', `${i}.txt`), 'text');
  const session = await alice.initialize(proxy);
  const streams = await Promise.all(Array.from({ length: STREAMS }, () => followStream(alice, proxy)));
  const load = startLoad(deployment.alice, proxy, session);

  const codes = [];
  for (const old of deployment.replicas.slice()) {
    const [code] = await Promise.all([old.stop('SIGTERM'), changeDocument(deployment, alice, proxy)]);
    codes.push(code);
    deployment.replicas.splice(deployment.replicas.indexOf(old), 1);
    const replacement = await deployment.start({
      PORT: String(old.port),
      ADMIN_PORT: String(old.adminPort),
      ALLOWED_HOSTS: `127.0.0.1:${deployment.proxyPort}`,
    });
    await replacement.until(200);
    await after(300); // the balancer finds it
  }
  const counts = await load.stop();
  await changeDocument(deployment, alice, proxy);
  await Promise.all(streams.map((stream) => stream.got(codes.length + 1)));
  const ended = streams.map((stream) => stream.stop());

  expect(counts.failures).toEqual([]);
  expect(counts.answered).toBe(counts.sent);
  expect(counts.sent).toBeGreaterThan(200);
  expect(codes).toEqual([0, 0, 0]);
  expect(ended.filter(({ resumed }) => resumed === 0)).toEqual([]);
  expect(ended.filter(({ failures }) => failures.length > 0)).toEqual([]);
  expect(new Set(ended.map(({ changes }) => changes))).toEqual(new Set([codes.length + 1]));
}

/** A stream of changes of a session of its own, resumed whenever it ends. */
async function followStream(client: Client, proxy: Proxy) {
  const session = await client.initialize(proxy);
  const readings: Reading[] = [];
  const failures: string[] = [];
  let stopped = false;
  const open = (lastEventId?: string) =>
    read((signal) => client.get(proxy, { session, signal, lastEventId }));
  readings.push(await open());
  const follow = async () => {
    for (;;) {
      const current = readings.at(-1) as Reading;
      const how = await current.ended;
      if (stopped) return;
      if (how === 'cut') failures.push('cut');
      const lastId = readings.findLast((one) => one.lastId() !== undefined)?.lastId();
      try {
        readings.push(await open(lastId));
      } catch (error) {
        failures.push(String(error));
        return;
      }
    }
  };
  void follow();
  const changes = () =>
    readings
      .flatMap((one) => one.messages())
      .filter(({ method }) => method === 'notifications/resources/list_changed').length;
  return {
    async got(count: number) {
      while (changes() < count && failures.length === 0) await after(20);
    },
    stop() {
      stopped = true;
      readings.at(-1)?.leave();
      return { resumed: readings.length - 1, changes: changes(), failures };
    },
  };
}

async function changeDocument(deployment: Deployment, client: Client, proxy: Proxy): Promise<void> {
  const path = `${performance.now()}.txt`;
  await writeFile(join(deployment.files, path), 'text');
  const session = await client.initialize(proxy);
  const params = { name: 'delete_document', arguments: { path } };
  const call = await read((signal) =>
    client.post(proxy, { id: 1, method: 'tools/call', params }, { session, signal }),
  );
  await client.post(proxy, agreeing(await call.saw(isQuestion)), { session });
  await call.ended;
}

/** Calls at a steady rate, half of them streamed, each on a connection of its own: what fails is the server's failure. */
function startLoad(key: string, proxy: Proxy, session: string) {
  const agent = new Agent({ keepAlive: false });
  const failures: string[] = [];
  const pending = new Set<Promise<void>>();
  let [sent, answered] = [0, 0];
  const call = async (id: number) => {
    const isStreamed = id % 2 === 0;
    const params = isStreamed
      ? { name: 'process_files', arguments: { paths: ['folder'] } }
      : { name: 'whoami', arguments: {} };
    try {
      const { status, text } = await post({ id, method: 'tools/call', params });
      const events = text.split('\n\n').filter((event) => event.includes('data: {')).length;
      const isWhole = text.includes('"result"') && (!isStreamed || events === DOCUMENTS + 2);
      if (status === 200 && isWhole) answered++;
      else failures.push(`${id} ${status} ${events} ${text.slice(0, 300)}`);
    } catch (error) {
      failures.push(`${id} ${String(error)}`);
    }
  };
  const post = (body: object) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${key}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        'mcp-session-id': session,
      };
      const req = request(proxy.url, { method: 'POST', agent, headers }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        res.on('end', () => resolve({ status: res.statusCode, text })).on('error', reject);
      });
      req.on('error', reject).end(JSON.stringify({ jsonrpc: '2.0', ...body }));
    });
  const timer = setInterval(() => {
    const running = call(++sent).finally(() => pending.delete(running));
    pending.add(running);
  }, 1000 / CALLS_PER_SECOND);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      return { sent, answered, failures };
    },
  };
}
