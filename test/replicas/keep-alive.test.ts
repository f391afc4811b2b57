/** Clients that keep their connections, while every process behind the load balancer is replaced. */
import { Agent } from 'node:https';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Fronts, startFronts } from '../helpers/fronts.js';
import { httpsFetch } from '../helpers/https-fetch.js';
import { describeWith, PROXIES } from '../helpers/proxies.js';
import { clientOf } from './client.js';
import { followReadiness, replaceInTurn, startLoad, writeDocuments } from './rolling.js';

const CALLS_PER_SECOND = 40;
const CONNECTIONS = 20;
/** nginx learns that a replica leaves, and that it is back, of each of three. */
const RELOADS = 6;
/** Longer than a balancer takes to learn that a server is unready. */
const UNREADY_MS = 2000;

for (const name of PROXIES) {
  describeWith(['redis-server', 'the addresses 127.0.0.0/8', name], `behind ${name}`, () => {
    let fronts: Fronts;
    beforeAll(async () => {
      fronts = await startFronts([name], { SHUTDOWN_DELAY_MS: String(UNREADY_MS) });
    }, 60_000);
    afterAll(() => fronts?.close());

    test('clients that keep their connections lose no call to a replica while three are replaced', async () => {
      const { deployment, ca, urls } = fronts;
      // In turn, so that each connection is idle between two calls.
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, scheduling: 'fifo' });
      const alice = clientOf(deployment.alice, {}, httpsFetch(ca, undefined, agent));
      const place = { url: String(urls.get(name)) };
      await writeDocuments(deployment);
      const session = await alice.initialize(place);
      const stop = followReadiness(fronts);
      const load = startLoad(alice, place, session, CALLS_PER_SECOND);
      const codes = await replaceInTurn(deployment, async () => {});
      const { sent, answered, failures } = await load.stop();
      stop();
      agent.destroy();

      const lost = failures.filter((failure) => /socket hang up|ECONNRESET/.test(failure));
      const records = await deployment.audited();
      const received = records.filter(
        ({ stage, 'mcp.method.name': method }) => stage === 'received' && method === 'tools/call',
      );
      expect(codes).toEqual([0, 0, 0]);
      expect(failures.filter((failure) => !lost.includes(failure))).toEqual([]);
      // At a reload, nginx closes idle connections of its clients, and the next call on one is lost before any replica has it.
      expect(lost.length).toBeLessThanOrEqual(name === 'nginx' ? CONNECTIONS * RELOADS : 0);
      expect(received.length).toBe(answered);
      expect(sent).toBeGreaterThan(300);
    }, 60_000);
  });
}
