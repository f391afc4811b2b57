/** How replicas are replaced behind their load balancers, and the calls that go on meanwhile. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fronts } from '../helpers/fronts.js';
import type { Deployment } from '../helpers/processes.js';
import { after } from '../server/stores/after.js';
import { agreeing, type Client, isQuestion, type Reading, read } from './client.js';

const DOCUMENTS = 3;

interface Place {
  readonly url: string;
}

/** What an operator or an ingress controller does for nginx: the list follows `/readyz`. */
export function followReadiness({ deployment, serve }: Fronts): () => void {
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
      if (ready.length > 0 && list !== known) await serve(ready);
      known = list;
      await after(100);
    }
  };
  void follow();
  return () => (stopped = true);
}

/** One after the other, each by a new process at the same address. @returns the exit codes of the old ones */
export async function replaceInTurn(
  deployment: Deployment,
  meanwhile: () => Promise<void>,
): Promise<readonly (number | string)[]> {
  const codes: (number | string)[] = [];
  for (const old of deployment.replicas.slice()) {
    const [code] = await Promise.all([old.stop('SIGTERM'), meanwhile()]);
    codes.push(code);
    deployment.replicas.splice(deployment.replicas.indexOf(old), 1);
    const replacement = await deployment.start({
      HOST: old.host,
      ADMIN_HOST: old.host,
      PORT: String(old.port),
      ADMIN_PORT: String(old.adminPort),
    });
    await replacement.until(200);
    await after(600); // the balancers find it
  }
  return codes;
}

/** What the calls of `startLoad` read. */
export async function writeDocuments({ files }: Deployment): Promise<void> {
  await mkdir(join(files, 'folder'));
  for (let i = 0; i < DOCUMENTS; i++) await writeFile(join(files, 'folder', `${i}.txt`), 'text');
}

/** Calls at a steady rate, half of them streamed. */
export function startLoad(client: Client, place: Place, session: string, callsPerSecond: number) {
  const failures: string[] = [];
  const pending = new Set<Promise<void>>();
  let [sent, answered] = [0, 0];
  const call = async (id: number) => {
    const isStreamed = id % 2 === 0;
    const tool = isStreamed ? 'process_files' : 'whoami';
    const args = isStreamed ? { paths: ['folder'] } : {};
    try {
      const answer = await client.call(place, session, tool, args, id);
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
  }, 1000 / callsPerSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      return { sent, answered, failures };
    },
  };
}

/** A stream of changes of a session of its own, resumed whenever it ends. */
export async function followStream(client: Client, place: Place) {
  const session = await client.initialize(place);
  const readings: Reading[] = [];
  const failures: string[] = [];
  let stopped = false;
  const open = (lastEventId?: string) =>
    read((signal) => client.get(place, { session, signal, lastEventId }));
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
    changes,
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

export async function changeDocument(deployment: Deployment, client: Client, place: Place): Promise<void> {
  const path = `${performance.now()}.txt`;
  await writeFile(join(deployment.files, path), 'text');
  const session = await client.initialize(place);
  const params = { name: 'delete_document', arguments: { path } };
  const call = await read((signal) =>
    client.post(place, { id: 1, method: 'tools/call', params }, { session, signal }),
  );
  await client.post(place, agreeing(await call.saw(isQuestion)), { session });
  await call.ended;
}
