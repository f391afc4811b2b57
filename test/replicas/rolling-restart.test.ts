/** One process after another is replaced behind the load balancers, under load: nobody notices. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { after } from '../server/stores/after.js';
import { type Fronts, startFronts } from '../helpers/fronts.js';
import { httpsFetch } from '../helpers/https-fetch.js';
import type { Deployment } from '../helpers/processes.js';
import { describeWith, PROXIES } from '../helpers/proxies.js';
import { agreeing, type Client, clientOf, isQuestion, type Reading, read } from './client.js';
import { followReadiness, replaceInTurn, startLoad, writeDocuments } from './rolling.js';

/** Of all proxies together, as the streams are. */
const CALLS_PER_SECOND = 100;
const STREAMS = 99;
/** Longer than a balancer takes to learn that a server is unready. */
const UNREADY_MS = 2000;
interface Place {
  readonly url: string;
}

describeWith(['redis-server', 'the addresses 127.0.0.0/8'], 'three replicas, replaced in turn', () => {
  let fronts: Fronts;
  let results: ReadonlyMap<string, Awaited<ReturnType<typeof rollingRestart>>[number]>;

  beforeAll(async () => {
    fronts = await startFronts(PROXIES, { SHUTDOWN_DELAY_MS: String(UNREADY_MS) });
    const stop = followReadiness(fronts);
    results = new Map((await rollingRestart(fronts)).map((result) => [result.name, result]));
    stop();
  }, 120_000);
  afterAll(() => fronts?.close());

  for (const name of PROXIES) {
    describeWith([name], `behind ${name}`, () => {
      test('fail no call and end no stream for good', () => {
        const { calls, streams, codes } = results.get(name) ?? {};

        expect(codes).toEqual([0, 0, 0]);
        expect(calls?.failures).toEqual([]);
        expect(calls?.answered).toBe(calls?.sent);
        expect(calls?.sent).toBeGreaterThan(200);
        expect(streams?.filter(({ resumed }) => resumed === 0)).toEqual([]);
        expect(streams?.filter(({ failures }) => failures.length > 0)).toEqual([]);
        expect(streams?.filter(({ changes, resumed }) => changes <= resumed)).toEqual([]);
      });
    });
  }
});

async function rollingRestart({ deployment, ca, urls }: Fronts) {
  const alice = clientOf(deployment.alice, {}, httpsFetch(ca));
  const places = [...urls].map(([name, url]) => ({ name, url }));
  await writeDocuments(deployment);
  const streams = await Promise.all(
    places.map((place) =>
      Promise.all(Array.from({ length: STREAMS / places.length }, () => followStream(alice, place))),
    ),
  );
  const sessions = await Promise.all(places.map((place) => alice.initialize(place)));
  const loads = places.map((place, i) =>
    startLoad(alice, place, String(sessions[i]), CALLS_PER_SECOND / places.length),
  );
  const [first = { url: '' }] = places;

  const codes = await replaceInTurn(deployment, () => changeDocument(deployment, alice, first));
  const calls = await Promise.all(loads.map((load) => load.stop()));
  const told = streams.flat().map((stream) => ({ stream, before: stream.changes() }));
  await changeDocument(deployment, alice, first);
  await Promise.all(told.map(({ stream, before }) => stream.got(before + 1)));
  const ended = streams.map((own) => own.map((stream) => stream.stop()));
  return places.map(({ name }, i) => ({ name, codes, calls: calls[i], streams: ended[i] }));
}

/** A stream of changes of a session of its own, resumed whenever it ends. */
async function followStream(client: Client, place: Place) {
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

async function changeDocument(deployment: Deployment, client: Client, place: Place): Promise<void> {
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
