/** Processes, one of which sees the common Redis through a network that is slow, falls silent or is cut. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { after } from '../server/stores/after.js';
import { describeWithRedis } from '../helpers/redis.js';
import { type RedisServer, startRedis } from '../helpers/redis-server.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { type Relay, startRelay } from '../helpers/relay.js';
import { all, type Client, clientOf, read, stateless, tally } from './client.js';

/** What a silent Redis may add to a request: one deadline. */
const MAX_EXTRA_MS = 500;
/** What a slow one may add to those below: each waits for at most five commands in turn, each for at most its deadline. */
const MAX_EXTRA_SLOW_MS = 5 * 200 + 200;
const EACH = 12;
/** Longer than a connection may be silent. */
const CUT_MS = 3000;
/** Where the cut replica reaches Redis, so that a firewall can tell the two apart. */
const FAR_ADDRESS = '127.0.0.77';

const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
const firewall = (...args: string[]) => {
  const [command = '', ...rest] = [...sudo, 'iptables', '-w', ...args];
  return spawnSync(command, rest).status === 0;
};
const hasFirewall = firewall('-n', '-L', 'INPUT');

describeWithRedis('a replica', () => {
  let redis: RedisServer;
  let relay: Relay;
  let deployment: Deployment;
  let near: Replica, behindRelay: Replica, far: Replica;
  let alice: Client;

  beforeAll(async () => {
    redis = await startRedis(undefined, '--bind', '127.0.0.1', FAR_ADDRESS);
    relay = await startRelay(redis.port);
    deployment = await deploy({ redis, replicas: 1 });
    [near] = deployment.replicas as [Replica];
    const urls = [`redis://127.0.0.1:${relay.port}`, `redis://${FAR_ADDRESS}:${redis.port}`];
    const started = urls.map((REDIS_URL) => deployment.start({ REDIS_URL }));
    [behindRelay, far] = (await Promise.all(started)) as [Replica, Replica];
    await Promise.all([behindRelay.until(200), far.until(200)]);
    alice = clientOf(deployment.alice);
  }, 60_000);
  afterAll(async () => {
    await deployment?.close();
    relay?.close();
    await redis?.stop();
  });

  const statelessCall = stateless('tools/call', { name: 'whoami', arguments: {} });
  const withoutSession = (to: Replica) =>
    Array.from({ length: EACH }, () => () => alice.post(to, statelessCall.body, statelessCall));
  const inSession = (to: Replica, session: string) =>
    Array.from({ length: EACH }, () => () => alice.call(to, session, 'whoami'));

  /** What waits for Redis twice, three, four and five times. */
  const kinds: Record<string, (session: string) => Promise<Response>> = {
    'a stateless call': () => alice.post(behindRelay, statelessCall.body, statelessCall),
    'an initialize': () => {
      const clientInfo = { name: 'n', version: '1' };
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
      return alice.post(behindRelay, { id: 0, method: 'initialize', params });
    },
    'a streamed call': async (session) => {
      const answer = await alice.call(behindRelay, session, 'log_levels');
      if (answer.status !== 200) return answer;
      const messages = (await all(answer)).map(({ params, result }) => params?.['level'] ?? typeof result);
      expect(messages).toEqual([...LEVELS, 'object']); // none lost, doubled or in another order
      return Response.json({});
    },
    'a change of a session': (session) => {
      const level = { id: 1, method: 'logging/setLevel', params: { level: 'debug' } };
      return alice.post(behindRelay, level, { session });
    },
    'the end of a session': (session) => alice.end(behindRelay, { session }),
  };
  const LEVELS = 'debug info notice warning error critical alert emergency'.split(' ');
  const tallyOf = async (kind: (session: string) => Promise<Response>) => {
    const sessions = await Promise.all(Array.from({ length: EACH }, () => alice.initialize(near)));
    return { start: () => tally(sessions.map((session) => () => kind(session))) };
  };

  describe.each([
    ['for 60 to 140 ms', () => 60 + 80 * Math.random()],
    ['for 150 to 250 ms', () => 150 + 100 * Math.random()],
  ])('whose Redis holds each answer back %s', (_what, delayMs) => {
    test.each(Object.entries(kinds))(
      'serves %s within five deadlines more, or refuses it',
      async (_kind, kind) => {
        let usual: Awaited<ReturnType<typeof tally>>;
        // A probe of the slow time before may still come in late: what is usual has no refusal.
        do usual = await (await tallyOf(kind)).start();
        while (usual.answered[503] !== undefined);
        const next = await tallyOf(kind);
        relay.slow(delayMs);
        const slow = await next.start();
        relay.slow(() => 0);
        await behindRelay.until(200);

        const [served = ''] = Object.keys(usual.answered);
        expect(usual).toMatchObject({ sent: EACH, answered: { [served]: EACH } });
        expect(slow).toMatchObject({ sent: EACH, lost: 0, withoutRetryAfter: 0 });
        const { [served]: asUsual = 0, 503: refused = 0 } = slow.answered;
        expect(asUsual + refused).toBe(EACH);
        expect(slow.slowestMs).toBeLessThan(usual.slowestMs + MAX_EXTRA_SLOW_MS);
      },
    );
  });

  test('whose Redis answers within the deadline is ready, and refuses nothing', async () => {
    const session = await alice.initialize(near);
    relay.slow(() => 80);
    const slow = await tally([...inSession(behindRelay, session), ...withoutSession(behindRelay)]);
    const ready = await behindRelay.probe('/readyz');
    relay.slow(() => 0);

    expect(slow).toMatchObject({ answered: { 200: 2 * EACH }, lost: 0 });
    expect(ready).toBe(200);
  });

  test('whose Redis exceeds every other deadline is unready for as long as that lasts', async () => {
    relay.slow(() => 150 + 100 * Math.random());
    await behindRelay.until(503);
    const alive = await behindRelay.probe('/livez');
    const ready = new Set<number>();
    const until = performance.now() + 3000; // the server asks twice a second
    while (performance.now() < until) ready.add(await behindRelay.probe('/readyz'));
    relay.slow(() => 0);
    await behindRelay.until(200);

    expect(ready).toEqual(new Set([503]));
    expect(alive).toBe(200);
  });

  test('whose connections to Redis are dead, and nobody says so, opens new ones', async () => {
    const session = await alice.initialize(near);
    relay.abandon();
    await behindRelay.until(503);
    await behindRelay.until(200);

    const answered = await tally(inSession(behindRelay, session));
    expect(answered).toMatchObject({ sent: EACH, answered: { 200: EACH }, lost: 0 });
  });

  (hasFirewall || process.env['REQUIRE_ALL'] === '1' ? test : test.skip)(
    `whose link to Redis is cut refuses what needs a session, serves the rest, and comes back (needs iptables and root)`,
    async () => {
      const rules = ['-d IP --dport PORT', '-s IP --sport PORT'].map((packets) =>
        `INPUT -p tcp ${packets} -j DROP`
          .replace('IP', FAR_ADDRESS)
          .replace('PORT', String(redis.port))
          .split(' '),
      );
      const session = await alice.initialize(near);
      const stream = await read((signal) => alice.get(far, { session, signal }));
      const usual = await tally([...inSession(far, session), ...withoutSession(far)]);
      expect(usual).toMatchObject({ answered: { 200: 2 * EACH }, lost: 0 });
      let needing, others, later, onNear, probes;
      try {
        expect(rules.map((rule) => firewall('-I', ...rule))).toEqual([true, true]);
        [needing, others] = await Promise.all([tally(inSession(far, session)), tally(withoutSession(far))]);
        await far.until(503);
        onNear = await tally([...inSession(near, session), ...withoutSession(near)]);
        probes = await Promise.all([far.probe('/livez'), near.probe('/readyz')]);
        await after(CUT_MS);
        later = await tally([...inSession(far, session), ...withoutSession(far)]);
      } finally {
        for (const rule of rules) firewall('-D', ...rule);
      }
      await far.until(200);
      const repaired = await tally([...inSession(far, session), ...withoutSession(far)]);
      await stream.saw(({ method }) => method === 'notifications/resources/list_changed'); // told again
      stream.leave();

      expect(needing).toMatchObject({ answered: { 503: EACH }, lost: 0, withoutRetryAfter: 0 });
      expect(others).toMatchObject({ answered: { 200: EACH }, lost: 0 });
      expect(Math.max(needing.slowestMs, others.slowestMs)).toBeLessThan(usual.slowestMs + MAX_EXTRA_MS);
      expect(later).toMatchObject({ answered: { 200: EACH, 503: EACH }, lost: 0, withoutRetryAfter: 0 });
      expect(later.slowestMs).toBeLessThan(usual.slowestMs + MAX_EXTRA_MS);
      expect(onNear).toMatchObject({ answered: { 200: 2 * EACH }, lost: 0 });
      expect(probes).toEqual([200, 200]);
      expect(repaired).toMatchObject({ answered: { 200: 2 * EACH }, lost: 0 });
    },
  );
});
