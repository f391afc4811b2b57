/** Two replicas on one Redis: each request of a browser, and each call, goes to another one. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { USER } from '../../helpers/authorization-server.js';
import { describeWithRedis } from '../../helpers/redis.js';
import { type RedisServer, startRedis } from '../../helpers/redis-server.js';
import { callIn2025, callIn2026, type Endpoint, toolCall } from '../../helpers/two-eras.js';
import { type Granting, startGranting, STATE_KEY } from './granting.js';

const accepting = { answers: [{ action: 'accept' }], elicitation: { url: {} } };
const textOf = ({ answer }: Awaited<ReturnType<typeof callIn2025>>) =>
  (answer?.result?.['content'] as { text: string }[] | undefined)?.[0]?.text;

describeWithRedis('on two replicas', () => {
  let redis: RedisServer;
  let client: ReturnType<typeof createClient>;
  let all: Granting;

  beforeAll(async () => {
    redis = await startRedis();
    client = createClient({ url: redis.url });
    await client.connect();
    const env = { REDIS_URL: redis.url, REPLICAS: '2', STATE_KEYS: STATE_KEY };
    all = await startGranting({ replicas: 2, env, tokenLifetimeS: 5 }); // too short to be used twice
  });
  afterAll(async () => {
    await all?.close();
    client?.destroy();
    await redis?.stop();
  });
  beforeEach(() => {
    all.used.length = 0;
  });

  const call = (era: '2025' | '2026', caller: Endpoint) =>
    (era === '2025' ? callIn2025 : callIn2026)(caller, toolCall('events', {}, accepting));
  const linkOf = async (caller: Endpoint): Promise<string> => {
    const { answer } = await call('2025', caller);
    const data = answer?.error?.['data'] as { elicitations: readonly { readonly url: string }[] } | undefined;
    return data?.elicitations[0]?.url ?? '';
  };
  /** The caller at each replica. */
  const everywhere = async (name = USER) => {
    all.visitor.name = name;
    const { key } = await all.caller(name);
    return all.servers.map(({ url }) => ({ url, key })) as [Endpoint, Endpoint];
  };

  test('a link of one is opened, step by step, at the others, and the grant serves all', async () => {
    const [a, b] = await everywhere('ada');
    const link = await linkOf(a);
    expect(await linkOf(b)).toBe(link);
    const page = await all.browser().open(link);

    expect(page.status).toBe(200);
    for (const caller of [a, b])
      for (const era of ['2025', '2026'] as const) expect(textOf(await call(era, caller))).toBe('one event');
    expect(new Set(all.used).size).toBe(4); // each was renewed
  });

  test('calls at the same moment renew in turn: no refresh token is used twice', async () => {
    const [a, b] = await everywhere('bob');
    await all.browser().open(await linkOf(a));
    const calls = [a, b, a, b].map((caller) => call('2026', caller));

    expect((await Promise.all(calls)).map(textOf)).toEqual(Array(4).fill('one event'));
    expect(textOf(await call('2026', b))).toBe('one event'); // the grant has not been ended
  });

  test('Redis holds neither tokens nor users in a form that its reader could use', async () => {
    const [a] = await everywhere('carol');
    await all.browser().open(await linkOf(a));
    await call('2025', a);
    const names = await client.keys('mcp:kept:*');
    const values = await Promise.all(names.map((name) => client.get(name)));
    const kept = [...names, ...values.map((value) => Buffer.from(value ?? '', 'base64url').toString())].join(
      '\n',
    );

    expect(names.some((name) => name.startsWith('mcp:kept:grant:'))).toBe(true);
    for (const secret of [...all.used, 'carol', 'accessToken', all.identity.issuer])
      expect(kept).not.toContain(secret);
  });

  test.each([
    ['link', '/grants/connect', 404],
    ['sign-in', '/grants/signed-in', 400],
    ['callback', '/grants/callback', 400],
  ])('a %s that comes too late is over', async (_what, path, status) => {
    const [a] = await everywhere('dora');
    const link = new URL(await linkOf(a));
    const browser = all.browser();
    const last =
      path === link.pathname ? link : (await browser.open(link, (url) => url.pathname === path)).url;
    const flows = await client.keys('mcp:kept:flow:*');
    for (const name of flows) {
      expect(await client.pTTL(name)).toBeGreaterThan(0);
      expect(await client.pTTL(name)).toBeLessThanOrEqual(30 * 60_000);
      await client.del(name);
    }
    const page = await browser.load(last);

    expect([page.status, page.headers.get('location')]).toEqual([status, null]);
  });
});

describeWithRedis('without Redis', () => {
  test('a call and a page are refused, and nothing is taken for "not connected"', async () => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, REPLICAS: '2', STATE_KEYS: STATE_KEY };
    const all = await startGranting({ replicas: 1, env });
    try {
      const caller = await all.caller('ada');
      const { error } = (await callIn2025(caller, toolCall('events', {}, accepting))).answer ?? {};
      await redis.stop();
      const page = await all.browser().load(new URL(`/grants/connect?flow=${'a'.repeat(43)}`, all.publicUrl));
      const seen = await callIn2026(caller, toolCall('events', {}, accepting));

      expect(error).toMatchObject({ code: -32042 });
      expect([page.status, JSON.parse(page.text)]).toMatchObject([
        503,
        { error: { data: { code: 'store_unavailable' } } },
      ]);
      expect(seen.status).toBe(503);
      expect(all.used).toEqual([]);
    } finally {
      await all.close();
      await redis.stop();
    }
  });
});
