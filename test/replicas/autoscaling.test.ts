/** Replicas come and go as the autoscaler of `components/monitoring` would have it, under load: nobody notices. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { type Fronts, startFronts } from '../helpers/fronts.js';
import { httpsFetch } from '../helpers/https-fetch.js';
import type { Replica } from '../helpers/processes.js';
import { describeWith } from '../helpers/proxies.js';
import { after } from '../server/stores/after.js';
import { clientOf } from './client.js';
import { changeDocument, followReadiness, followStream, startLoad, writeDocuments } from './rolling.js';

const CALLS_PER_SECOND = 20;
/** Longer than a balancer takes to learn that a server is unready. */
const UNREADY_MS = 2000;
/** The address of the replica that comes. */
const ADDED = '127.0.0.99';
/** Of the manifest's target for each replica: a test has no thousands of streams. */
const SCALE = 1 / 100;

interface Metric {
  readonly pods?: {
    readonly metric: { readonly name: string };
    readonly target: { readonly averageValue: string };
  };
}

async function manifest(): Promise<{ readonly name: string; readonly target: number }> {
  const file = new URL('../../deploy/kubernetes/components/monitoring/scaling-patch.yaml', import.meta.url);
  const { spec } = parse(await readFile(file, 'utf8')) as { spec: { metrics: readonly Metric[] } };
  const { pods } = spec.metrics.find((metric) => metric.pods) ?? {};
  return { name: String(pods?.metric.name), target: Number(pods?.target.averageValue) * SCALE };
}

async function metricOf({ host, adminPort }: Replica, name: string): Promise<number> {
  const text = await (await fetch(`http://${host}:${adminPort}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
}

describeWith(['redis-server', 'nginx', 'the addresses 127.0.0.0/8'], 'an autoscaled deployment', () => {
  let fronts: Fronts;
  /** What goes on until the test ends, however it does. */
  const stops: (() => unknown)[] = [];
  beforeAll(async () => {
    fronts = await startFronts(['nginx'], { SHUTDOWN_DELAY_MS: String(UNREADY_MS) });
    stops.push(followReadiness(fronts));
  }, 120_000);
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()));
    await fronts?.close();
  });

  test('fails no call while replicas are added and taken away, and its streams spread over those that are there', async () => {
    const { deployment, ca, urls } = fronts;
    const place = { url: String(urls.get('nginx')) };
    const { name, target } = await manifest();
    const alice = clientOf(deployment.alice, {}, httpsFetch(ca));
    await writeDocuments(deployment);
    const held = () => Promise.all(deployment.replicas.map((replica) => metricOf(replica, name)));
    const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0);
    /** What the HorizontalPodAutoscaler computes from the metric of the ready pods. */
    const desired = async () => {
      const values = await held();
      return Math.ceil((values.length * (sum(values) / values.length)) / target);
    };
    const openStreams = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const stream = await followStream(alice, place);
        streams.push(stream);
        stops.push(stream.stop);
      }
    };
    const streams: Awaited<ReturnType<typeof followStream>>[] = [];
    const load = startLoad(alice, place, await alice.initialize(place), CALLS_PER_SECOND);
    stops.push(load.stop);

    await openStreams(3 * target + 1);
    expect(sum(await held())).toBe(streams.length);
    expect(await desired()).toBe(4);
    const [first] = deployment.replicas as [Replica];
    const added = await deployment.start({
      HOST: ADDED,
      ADMIN_HOST: ADDED,
      PORT: String(first.port),
      ADMIN_PORT: String(first.adminPort),
    });
    await added.until(200);
    while ((await metricOf(added, name)) === 0) await openStreams(1);

    const [leaving] = deployment.replicas.splice(0, 1) as [Replica];
    const closing = streams.splice(0, streams.length - 2 * target);
    const results = closing.map((stream) => stream.stop());
    expect(await leaving.stop('SIGTERM')).toBe(0);
    while (sum(await held()) !== streams.length) await after(50);
    expect(await desired()).toBeLessThanOrEqual(deployment.replicas.length);
    expect((await held()).every((count) => count > 0)).toBe(true);

    const told = streams.map((stream) => ({ stream, before: stream.changes() }));
    await changeDocument(deployment, alice, place);
    await Promise.all(told.map(({ stream, before }) => stream.got(before + 1)));
    const { sent, answered, failures } = await load.stop();
    results.push(...streams.map((stream) => stream.stop()));

    expect(failures).toEqual([]);
    expect(answered).toBe(sent);
    expect(results.flatMap((one) => one.failures)).toEqual([]);
  }, 60_000);
});
