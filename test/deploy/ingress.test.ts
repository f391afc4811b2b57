/** What deploy/proxies promise, in front of three replicas; and the same of TLS in process. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FRONTS, type FrontName, type Fronts, IN_PROCESS, startFronts } from '../helpers/fronts.js';
import { http2Fetch, httpsFetch } from '../helpers/https-fetch.js';
import type { Replica } from '../helpers/processes.js';
import { describeWith } from '../helpers/proxies.js';
import { until } from '../helpers/until.js';
import {
  agreeing,
  body,
  type Client,
  clientOf,
  isAnswer,
  isQuestion,
  type Message,
  type Reading,
  read,
  stateless,
} from '../replicas/client.js';
import { startIssuer, type TestIssuer } from '../server/identity/issuer.js';
import { after } from '../server/stores/after.js';

/** Longer than any time-out of deploy/proxies; all fronts wait at once, while the other tests run. */
const IDLE_MS = 70_000;
const FIRST_EVENT_MS = 1000;
/** Where the clients of these tests are: a proxy that we trust is 127.0.0.1. */
const CLIENT = '127.0.0.9';

const isChange = ({ method }: Message) => method === 'notifications/resources/list_changed';

describeWith(['redis-server', 'the addresses 127.0.0.0/8'], 'in front of three replicas', () => {
  let fronts: Fronts;
  let issuer: TestIssuer;
  let alice: Client, bob: Client;
  let idle: ReadonlyMap<FrontName, Awaited<ReturnType<typeof openIdle>>>;
  let idleSince: number;
  let documents = 0;

  const place = (name: FrontName) => ({ url: String(fronts.urls.get(name)) });
  const whoami = stateless('tools/call', { name: 'whoami', arguments: {} });
  /** A call that waits for its caller. */
  async function ask(name: FrontName, session: string, client = alice): Promise<Reading> {
    const path = `${++documents}.txt`;
    await writeFile(join(fronts.deployment.files, path), 'text');
    const params = { name: 'delete_document', arguments: { path } };
    return read((signal) =>
      client.post(place(name), { id: 1, method: 'tools/call', params }, { session, signal }),
    );
  }
  async function openIdle(name: FrontName) {
    const session = await alice.initialize(place(name));
    const changes = await read((signal) => alice.get(place(name), { session, signal }));
    const call = await ask(name, session);
    return { session, changes, call, question: await call.saw(isQuestion) };
  }
  async function recordsOf(answer: Response) {
    const requestId = answer.headers.get('x-request-id');
    const found = async () =>
      (await fronts.deployment.audited()).filter((record) => record['requestId'] === requestId);
    await until(async () => (await found()).some(({ stage }) => stage !== 'received'));
    return found();
  }

  beforeAll(async () => {
    issuer = await startIssuer();
    fronts = await startFronts(FRONTS, { JWT_ISSUERS: issuer.url });
    const send = httpsFetch(fronts.ca, CLIENT);
    [alice, bob] = [clientOf(fronts.deployment.alice, {}, send), clientOf(fronts.deployment.bob, {}, send)];
    idle = new Map(
      await Promise.all([...fronts.urls.keys()].map(async (name) => [name, await openIdle(name)] as const)),
    );
    idleSince = performance.now();
  }, 120_000);
  afterAll(async () => {
    await fronts?.close();
    await issuer?.close();
  });

  for (const name of FRONTS) {
    describeWith(name === IN_PROCESS ? [] : [name], name, () => {
      const versions = name === IN_PROCESS ? ['1.1'] : ['1.1', '2'];
      const by = (version: string) =>
        version === '2' ? clientOf(fronts.deployment.alice, {}, http2Fetch(fronts.ca)) : alice;

      test.each(versions)(
        'by HTTP/%s the first event arrives within a second, while its call still waits',
        async (version) => {
          const session = await alice.initialize(place(name));
          const startedAt = performance.now();
          const call = await ask(name, session, by(version));
          await call.saw(isQuestion);
          const tookMs = performance.now() - startedAt;

          expect(tookMs).toBeLessThan(FIRST_EVENT_MS);
          expect(call.messages().filter(isAnswer)).toEqual([]);
          call.leave();
        },
      );

      test.each(versions)(
        'by HTTP/%s a client that leaves ends its stream in the server',
        async (version) => {
          const session = await alice.initialize(place(name));
          let answer: Response | undefined;
          const stream = await read(async (signal) => {
            answer = await by(version).get(place(name), { session, signal });
            return answer;
          });
          stream.leave();

          const isClosed = async () =>
            (await recordsOf(answer as Response)).some(({ stage }) => stage === 'stream-close');
          await until(isClosed, 5000); // a keep-alive that cannot be written would tell after 15 s
          expect((await recordsOf(answer as Response)).at(-1)).toMatchObject({ truncated: true });
        },
      );

      test.each([
        {},
        { 'x-forwarded-for': '203.0.113.7' },
        { 'x-forwarded-for': '203.0.113.7, 127.0.0.1' },
        { 'x-forwarded-for': 'nonsense' },
        { 'x-real-ip': '203.0.113.7', 'true-client-ip': '203.0.113.7', forwarded: 'for=203.0.113.7' },
      ])('the audit names the address of the client, who claims %j', async (claims) => {
        const answer = await alice.post(place(name), whoami.body, {
          headers: { ...whoami.headers, ...claims },
        });

        expect(answer.status).toBe(200);
        for (const record of await recordsOf(answer)) expect(record['client.address']).toBe(CLIENT);
      });

      test('what a client claims of host and scheme changes no answer', async () => {
        const own = httpsFetch(fronts.ca, CLIENT);
        const claims = {
          'x-forwarded-host': 'evil.example',
          'x-forwarded-proto': 'http',
          'x-forwarded-port': '80',
          forwarded: 'host=evil.example;proto=http',
        };
        const metadata = place(name).url.replace(/mcp$/, '.well-known/oauth-protected-resource/mcp');
        const seen = async (url: string, headers: Readonly<Record<string, string>>) => {
          const answer = await own(url, { method: 'GET', headers });
          const text = (await answer.text()).replace(/"requestId":"[^"]+"/, '');
          return [answer.status, answer.headers.get('www-authenticate'), text];
        };

        const plain = [await seen(metadata, {}), await seen(place(name).url, {})];
        const claimed = [await seen(metadata, claims), await seen(place(name).url, claims)];
        expect(claimed).toEqual(plain);
        expect(plain.map(([status]) => status)).toEqual([200, 401]);
        expect(plain[0]?.[2]).toContain('"resource":"https://localhost/mcp"');
      });

      test('a foreign Host gets nothing, whichever host it claims to have been forwarded for', async () => {
        const headers = {
          host: 'evil.example',
          'x-forwarded-host': 'localhost',
          forwarded: 'host=localhost',
        };
        const answer = await alice.post(place(name), whoami.body, {
          headers: { ...whoami.headers, ...headers },
        });

        expect(await answer.text()).not.toContain('result');
      });

      test.each(versions)(
        'by HTTP/%s a token of 12 KiB, with hundreds of groups, is let in',
        async (version) => {
          const token = await issuer.sign({
            aud: 'https://localhost/mcp',
            scope: 'documents:read',
            groups: 'g'.repeat(9000),
          });
          const send = version === '2' ? http2Fetch(fronts.ca) : httpsFetch(fronts.ca, CLIENT);
          const answer = await clientOf(token, {}, send).post(place(name), whoami.body, whoami);

          expect(token.length).toBeGreaterThan(12_000);
          expect([answer.status, 'result' in (await body(answer))]).toEqual([200, true]);
        },
      );

      test('nothing that is for one caller is kept for another, or for later', async () => {
        const callers = [alice, bob, alice, bob];
        const answers = [];
        for (const caller of callers)
          answers.push(await caller.post(place(name), whoami.body, { headers: whoami.headers }));
        const ids = new Set(answers.map(({ headers }) => headers.get('x-request-id')));
        const texts = await Promise.all(answers.map(async (answer) => JSON.stringify(await body(answer))));

        expect(ids.size).toBe(callers.length);
        for (const answer of answers) expect(await recordsOf(answer)).not.toEqual([]);
        expect(answers.map(({ headers }) => headers.get('cache-control'))).toEqual(
          callers.map(() => 'no-store'),
        );
        expect(new Set(texts).size).toBe(2);
        expect(texts[2]).toBe(texts[0]);
      });
    });
  }

  test('a stream on which nothing happened for 70 seconds is still there', async () => {
    await after(Math.max(0, IDLE_MS - (performance.now() - idleSince)));
    for (const [name, { call, changes, question, session }] of idle) {
      expect([name, call.messages().length]).toEqual([name, 1]);
      const answered = await alice.post(place(name), agreeing(question), { session });
      expect([name, answered.status]).toEqual([name, 202]);
      await call.ended;
      expect([name, call.messages().at(-1)]).toEqual([
        name,
        expect.objectContaining({
          result: expect.objectContaining({ structuredContent: expect.objectContaining({ deleted: true }) }),
        }),
      ]);
      await changes.saw(isChange);
      changes.leave();
    }
  }, 90_000);

  test('of three replicas one that is killed fails no later call, and its streams come back', async () => {
    const behind = [...fronts.urls.keys()].filter((name) => name !== IN_PROCESS);
    const open = async (name: FrontName) => {
      const session = await alice.initialize(place(name));
      const stream = await read((signal) => alice.get(place(name), { session, signal }));
      return { name, session, stream };
    };
    const streams: Awaited<ReturnType<typeof open>>[] = [];
    for (let i = 0; i < 6; i++) for (const name of behind) streams.push(await open(name));
    const lost = new Set<(typeof streams)[number]>();
    for (const one of streams) void one.stream.ended.then(() => lost.add(one));
    const [dying] = fronts.deployment.replicas as [Replica];
    await dying.stop('SIGKILL');
    const answers: string[] = [];
    const call = async (name: FrontName) => {
      // Caddy before 2.8 cannot send a body to a second replica: until its check has noticed, calls may get a 502.
      const isServed = async () => (await alice.post(place(name), whoami.body, whoami)).status === 200;
      if (name === 'caddy') await until(isServed, 5000);
      for (let i = 0; i < 15; i++) {
        const answer = await alice.post(place(name), whoami.body, { headers: whoami.headers });
        answers.push(`${name} ${answer.status} ${'result' in (await body(answer))}`);
      }
    };
    await Promise.all(behind.map(call));

    expect(new Set(answers)).toEqual(new Set(behind.map((name) => `${name} 200 true`)));
    await until(() => behind.every((name) => [...lost].some((one) => one.name === name)));
    const back = await Promise.all(
      [...lost].map(({ name, session, stream }) =>
        read((signal) => alice.get(place(name), { session, signal, lastEventId: stream.lastId() })),
      ),
    );
    for (const { leave } of [...streams.map(({ stream }) => stream), ...back]) leave();
  }, 30_000);
});
