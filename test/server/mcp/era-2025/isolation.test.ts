/** A call tries to see what another caller has left behind. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { all, body, type Message } from '../../../helpers/raw-messages.js';
import { rawClient } from './raw-client.js';
import { startTestServer } from './test-server.js';

let server: Awaited<ReturnType<typeof startTestServer>>;
let raw: ReturnType<typeof rawClient>;
beforeAll(async () => {
  server = await startTestServer({ maxSessionsPerCaller: 100 });
  raw = rawClient(server.url);
});
afterAll(() => server.close());

const peek = (id: number) => ({ id, method: 'tools/call', params: { name: 'peek', arguments: {} } });
/** Of a call that answers in JSON because it has no logs, or on a stream. */
const read = async (res: Response) =>
  res.headers.get('content-type') === 'application/json' ? [await body(res)] : all(res);
const sight = (messages: Message[]) => {
  const result = messages.at(-1)?.result as { content: { text: string }[] } | undefined;
  return JSON.parse(String(result?.content[0]?.text)) as Record<string, unknown>;
};

test('calls of two callers at once see nothing of each other', async () => {
  const rich = await raw.initialize({ sampling: {}, elicitation: {}, roots: {} }, 'alice');
  const poor = await raw.initialize({}, 'mallory');
  const setLevel = { id: 1, method: 'logging/setLevel', params: { level: 'emergency' } };
  await (await raw.post(setLevel, { session: rich, caller: 'alice' })).arrayBuffer();
  const requestIds = new Set();
  for (let n = 0; n < 20; n++) {
    const [mine, theirs] = await Promise.all([
      raw.post(peek(n), { session: rich, caller: 'alice' }).then(read),
      raw.post(peek(n), { session: poor, caller: 'mallory' }).then(read),
    ]);
    const [own, other] = [sight(mine), sight(theirs)];

    expect(own).toMatchObject({ subject: 'alice', canAsk: [true, true, true], left: null });
    expect(other).toMatchObject({ subject: 'mallory', canAsk: [false, false, false], left: null });
    expect(mine).toHaveLength(1); // alice has no logs, by her level
    expect(theirs.map(({ params }) => params?.['data'])).toEqual(['peeked by mallory', undefined]);
    requestIds.add(own['requestId']).add(other['requestId']);
  }

  expect(requestIds.size).toBe(40);
});

test('a session sees nothing of the session before it of the same caller', async () => {
  const first = await raw.initialize({ sampling: {} });
  await raw.post({ id: 1, method: 'logging/setLevel', params: { level: 'emergency' } }, { session: first });
  await raw.end({ session: first });
  const second = await raw.initialize({});
  const found = await all(await raw.post(peek(1), { session: second }));

  expect(sight(found)).toMatchObject({ canAsk: [false, false, false] });
  expect(found).toHaveLength(2);
});
