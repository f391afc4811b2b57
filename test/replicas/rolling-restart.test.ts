/** One process after another is replaced behind the load balancers, under load: nobody notices. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Fronts, startFronts } from '../helpers/fronts.js';
import { httpsFetch } from '../helpers/https-fetch.js';
import { describeWith, PROXIES } from '../helpers/proxies.js';
import { clientOf } from './client.js';
import {
  changeDocument,
  followReadiness,
  followStream,
  replaceInTurn,
  startLoad,
  writeDocuments,
} from './rolling.js';

/** Of all proxies together, as the streams are. */
const CALLS_PER_SECOND = 100;
const STREAMS = 99;
/** Longer than a balancer takes to learn that a server is unready. */
const UNREADY_MS = 2000;

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
