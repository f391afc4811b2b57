/** A process that is killed in the middle of its calls. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithRedis } from '../helpers/redis.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { agreeing, type Client, clientOf, isAnswer, isQuestion, type Reading, read } from './client.js';

const ON_EACH = 8;
const MAX_SILENCE_MS = 5000;

describeWithRedis('of three replicas one that is killed', () => {
  let deployment: Deployment;
  let alice: Client;

  beforeAll(async () => {
    deployment = await deploy();
    alice = clientOf(deployment.alice);
  }, 60_000);
  afterAll(() => deployment?.close());

  async function begin(replica: Replica, session: string, name: string): Promise<Reading> {
    await writeFile(join(deployment.files, `${name}.txt`), 'text');
    const params = { name: 'delete_document', arguments: { path: `${name}.txt` } };
    return read((signal) =>
      alice.post(replica, { id: name, method: 'tools/call', params }, { session, signal }),
    );
  }

  test('loses its own calls only, says so within five seconds, and takes no session with it', async () => {
    const [dying, ...others] = deployment.replicas as [Replica, Replica, Replica];
    const session = await alice.initialize(dying);
    const begun = await Promise.all(
      deployment.replicas.flatMap((replica, r) =>
        Array.from({ length: ON_EACH }, async (_, i) => ({
          replica,
          name: `call-${r}-${i}`,
          first: await begin(replica, session, `call-${r}-${i}`),
        })),
      ),
    );
    const questions = await Promise.all(begun.map(({ first }) => first.saw(isQuestion)));
    const killedAt = performance.now();
    await dying.stop('SIGKILL');
    const cut = begun.filter(({ replica }) => replica === dying);
    const resumed = await Promise.all(
      cut.map(async ({ first }, i) => {
        expect(await first.ended).toBe('cut');
        const lastEventId = first.lastId();
        const on = others[i % 2] as Replica;
        return read((signal) => alice.get(on, { session, signal, lastEventId }));
      }),
    );
    await Promise.all(resumed.map(({ ended }) => ended));
    const silentMs = performance.now() - killedAt;
    const statuses = await Promise.all(
      questions.map(
        async (question, i) =>
          (await alice.post(others[i % 2] as Replica, agreeing(question), { session })).status,
      ),
    );
    const kept = begun.filter(({ replica }) => replica !== dying).map(({ first }) => first);
    await Promise.all(kept.map(({ ended }) => ended));

    expect(silentMs).toBeLessThan(MAX_SILENCE_MS);
    expect(statuses).toEqual(Array(3 * ON_EACH).fill(202));
    const counts = {
      sent: begun.length,
      lost: resumed.filter((one) => one.messages().some(({ error }) => error !== undefined)).length,
      answered: kept.filter((one) => one.messages().some(({ result }) => result !== undefined)).length,
    };
    expect(counts).toEqual({ sent: 3 * ON_EACH, lost: ON_EACH, answered: 2 * ON_EACH });
    for (const [i, one] of resumed.entries()) {
      expect(one.messages()).toEqual([
        {
          jsonrpc: '2.0',
          id: cut[i]?.name,
          error: { code: -32603, message: expect.stringContaining('may be tried again') },
        },
      ]);
    }
    for (const one of kept) expect(one.messages().filter(isAnswer)).toHaveLength(1);

    const replacement = await deployment.start();
    await replacement.until(200);
    expect((await alice.call(replacement, session, 'whoami')).status).toBe(200);
    const again = await begin(replacement, session, String(cut[0]?.name));
    await alice.post(others[0], agreeing(await again.saw(isQuestion)), { session });
    await again.ended;
    expect(again.messages().at(-1)?.result?.['structuredContent']).toMatchObject({ deleted: true });
  });
});
