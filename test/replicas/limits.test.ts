/** Limits that three processes count together, and what they let pass while they cannot. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithRedis } from '../helpers/redis.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { type Client, clientOf, stateless, tally } from './client.js';

const LIMIT = 90;
const SENT = 240;

describeWithRedis('limits of three replicas', () => {
  let deployment: Deployment;
  let strict: Replica;
  let alice: Client, bob: Client;

  beforeAll(async () => {
    deployment = await deploy({ env: { RATE_LIMIT_CALLER: `${LIMIT}/1h` } });
    strict = await deployment.start({ STORE_FAILURE: 'strict' });
    await strict.until(200);
    [alice, bob] = [clientOf(deployment.alice), clientOf(deployment.bob)];
  }, 60_000);
  afterAll(() => deployment?.close());

  const { body, headers } = stateless('tools/call', { name: 'whoami', arguments: {} });
  const callsOf = (client: Client) =>
    Array.from({ length: SENT }, (_, i) => () => {
      const replica = deployment.replicas[i % 3] as Replica;
      return client.post(replica, body, { headers });
    });

  test('let pass what one process would', async () => {
    const { answered, lost, sent, withoutRetryAfter } = await tally(callsOf(alice));

    expect(answered['200']).toBeGreaterThanOrEqual(LIMIT);
    expect(answered['200']).toBeLessThanOrEqual(1.05 * LIMIT);
    expect(Object.keys(answered)).toEqual(expect.arrayContaining(['200', '429']));
    expect(Object.values(answered).reduce((sum, count) => sum + count, lost)).toBe(sent);
    expect([lost, withoutRetryAfter]).toEqual([0, 0]);
  });

  test('without Redis let pass a share in each process, or nothing where told so', async () => {
    await deployment.redis.stop();
    await Promise.all(deployment.replicas.map((one) => one.until(503)));
    const local = await tally(callsOf(bob));
    const refused = await tally(Array.from({ length: 10 }, () => () => bob.post(strict, body, { headers })));

    expect(local).toMatchObject({
      answered: { 200: LIMIT, 429: SENT - LIMIT },
      lost: 0,
      withoutRetryAfter: 0,
    });
    expect(refused).toMatchObject({ answered: { 503: 10 }, lost: 0, withoutRetryAfter: 0 });
  });
});
