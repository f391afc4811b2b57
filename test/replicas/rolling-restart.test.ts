/** One process after another is replaced behind a load balancer, under load: nobody notices. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { after } from '../stores/after.js';
import { selfSignedCertificate } from '../helpers/certificate.js';
import { httpsFetch } from '../helpers/https-fetch.js';
import { describeWith, PROXIES, type Proxy, type ProxyName, startProxy } from '../helpers/proxies.js';
import { type Deployment, deploy } from '../helpers/processes.js';
import { agreeing, type Client, clientOf, isQuestion, type Reading, read } from './client.js';

const CALLS_PER_SECOND = 100;
const STREAMS = 100;
/** Longer than a balancer takes to learn that a server is unready. */
const UNREADY_MS = 2000;
const DOCUMENTS = 3;

let opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.toReversed()) await close();
  opened = [];
});

for (const name of PROXIES) {
  describeWith(['redis-server', name, 'the addresses 127.0.0.0/8'], `behind ${name}`, () => {
    test('a rolling restart fails no call and ends no stream for good', () => rollingRestart(name), 90_000);
  });
}

/** What an operator or an ingress controller does for nginx: the list follows `/readyz`. */
function followReadiness(deployment: Deployment, proxy: Proxy): () => void {
  let known = deployment.replicas.map(({ host }) => host).join();
  let stopped = false;
  const follow = async () => {
    for (;;) {
      if (stopped) return;
      const statuses = await Promise.all(
        deployment.replicas.map((one) => one.probe('/readyz').catch(() => 0)),
      );
      const ready = deployment.replicas.filter((_one, i) => statuses[i] === 200);
      const list = ready.map(({ host }) => host).join();
      if (ready.length > 0 && list !== known) await proxy.serve(ready);
      known = list;
      await after(100);
    }
  };
  void follow();
  return () => (stopped = true);
}

async function rollingRestart(name: ProxyName): Promise<void> {
  const deployment = await deploy({ ownAddresses: true, env: { SHUTDOWN_DELAY_MS: String(UNREADY_MS) } });
  opened.push(deployment.close);
  const { proxy, ca } = await balance(name, deployment);
  const send = httpsFetch(ca); // a proxy that reloads may close a connection just as its client sends on it again
  const alice = clientOf(deployment.alice, {}, send);
  await mkdir(join(deployment.files, 'folder'));
  for (let i = 0; i < DOCUMENTS; i++) await writeFile(join(deployment.files, 'folder', `${i}.txt`), 'text');
  const session = await alice.initialize(proxy);
  const streams = await Promise.all(Array.from({ length: STREAMS }, () => followStream(alice, proxy)));
  const load = startLoad(alice, proxy, session);

  const codes = [];
  for (const old of deployment.replicas.slice()) {
    const [code] = await Promise.all([old.stop('SIGTERM'), changeDocument(deployment, alice, proxy)]);
    codes.push(code);
    deployment.replicas.splice(deployment.replicas.indexOf(old), 1);
    const replacement = await deployment.start({
      HOST: old.host,
      ADMIN_HOST: old.host,
      PORT: String(old.port),
      ADMIN_PORT: String(old.adminPort),
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

async function balance(name: ProxyName, deployment: Deployment): Promise<{ proxy: Proxy; ca: string }> {
  const tls = await mkdtemp(join(tmpdir(), 'mcp-rolling-'));
  opened.push(() => rm(tls, { recursive: true }));
  const { cert, key } = selfSignedCertificate();
  await Promise.all([writeFile(join(tls, 'tls.crt'), cert), writeFile(join(tls, 'tls.key'), key)]);
  const { proxyPort: port, replicas } = deployment;
  const proxy = await startProxy(name, { port, tls, replicas: replicas.slice() });
  opened.push(proxy.stop);
  const stop = followReadiness(deployment, proxy);
  opened.push(async () => stop());
  return { proxy, ca: cert };
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
function startLoad(client: Client, proxy: Proxy, session: string) {
  const failures: string[] = [];
  const pending = new Set<Promise<void>>();
  let [sent, answered] = [0, 0];
  const call = async (id: number) => {
    const isStreamed = id % 2 === 0;
    const tool = isStreamed ? 'process_files' : 'whoami';
    const args = isStreamed ? { paths: ['folder'] } : {};
    try {
      const answer = await client.call(proxy, session, tool, args, id);
      const text = await answer.text();
      const events = text.split('\n\n').filter((event) => event.includes('data: {')).length;
      const isWhole = text.includes('"result"') && (!isStreamed || events === DOCUMENTS + 2);
      if (answer.status === 200 && isWhole) answered++;
      else failures.push(`${id} ${answer.status} ${events} ${text.slice(0, 300)}`);
    } catch (error) {
      failures.push(`${id} ${String(error)}`);
    }
  };
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
