/** Random lives of clients and processes against a model of what each client must have seen at the end. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describeWithRedis } from '../helpers/redis.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { agreeing, type Client, clientOf, isQuestion, type Message, type Reading, read } from './client.js';

const WHO = ['alice', 'bob'] as const;
const DOCUMENTS = 12;
const SUBSCRIPTIONS = 30;

type Who = (typeof WHO)[number];
type Step =
  | { readonly do: 'ask'; readonly who: Who; readonly on: number }
  | { readonly do: 'answer' | 'leave' | 'resume'; readonly call: number; readonly on: number }
  | { readonly do: 'move' | 'leave stream'; readonly who: Who; readonly on: number }
  | {
      readonly do: 'burst';
      readonly who: Who;
      readonly on: number;
      readonly cuts: readonly number[];
      readonly kill: boolean;
    }
  | { readonly do: 'kill'; readonly on: number };

const who = fc.constantFrom(...WHO);
const on = fc.nat(2);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('ask' as const), who, on }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('answer' as const, 'leave' as const, 'resume' as const),
        call: fc.nat(20),
        on,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('move' as const, 'leave stream' as const), who, on }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('burst' as const),
        who,
        on,
        cuts: fc.array(fc.nat(2 * DOCUMENTS), { maxLength: 4 }),
        kill: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), on }) },
  ),
  { minLength: 5, maxLength: 25 },
) as fc.Arbitrary<Step[]>;

/** A stream as its client sees it, over all the connections that it took. */
class Followed {
  readonly #readings: Reading[] = [];
  constructor(
    readonly client: Client,
    readonly session: string,
    first: Reading,
    /** The process that runs the call. */
    readonly runsOn: Replica | undefined,
    readonly name: string,
  ) {
    this.#readings.push(first);
  }
  get last(): Reading {
    return this.#readings.at(-1) as Reading;
  }
  async leave(): Promise<void> {
    this.last.leave();
    await this.last.ended;
  }
  async resume(to: Replica): Promise<void> {
    await this.leave();
    const { session } = this;
    const lastEventId = this.#readings.findLast((one) => one.lastId() !== undefined)?.lastId();
    this.#readings.push(await read((signal) => this.client.get(to, { session, signal, lastEventId })));
  }
  messages(): Message[] {
    return this.#readings.flatMap((one) => one.messages());
  }
}

/** A stream can be resumed from its first event on. */
async function primed(reading: Reading): Promise<Reading> {
  await reading.until(() => reading.lastId() !== undefined);
  return reading;
}

describeWithRedis('clients and three processes that come and go', () => {
  let deployment: Deployment;
  let runs = 0;

  beforeAll(async () => {
    deployment = await deploy();
    for (const name of WHO) {
      await mkdir(join(deployment.files, name));
      for (let i = 0; i < DOCUMENTS; i++) await writeFile(join(deployment.files, name, `${i}.txt`), name);
    }
  }, 60_000);
  afterAll(() => deployment?.close());

  class Life {
    readonly #clients = { alice: clientOf(deployment.alice), bob: clientOf(deployment.bob) };
    readonly #sessions: Record<string, string> = {};
    readonly #streams: Record<string, Followed> = {};
    readonly #calls: Followed[] = [];
    readonly #killed = new Set<Replica>();
    readonly #bursts: { readonly call: Followed; readonly who: Who; readonly isKilled: boolean }[] = [];
    /** What each stream of changes has to bring, behind so many messages. */
    readonly #expected: Record<Who, { readonly what: string; readonly behind: number }[]> = {
      alice: [],
      bob: [],
    };
    readonly #run = ++runs;

    #replica(i: number): Replica {
      return deployment.replicas[i % deployment.replicas.length] as Replica;
    }

    #path(who: Who, i: number): string {
      return `${who}-${this.#run}-${i}.txt`;
    }

    async begin(): Promise<void> {
      for (const who of WHO) {
        const client = this.#clients[who];
        const session = await client.initialize(this.#replica(0));
        this.#sessions[who] = session;
        for (let i = 0; i < SUBSCRIPTIONS; i++) {
          const params = { uri: `documents:///${this.#path(who, i)}` };
          await client.post(this.#replica(i), { id: i, method: 'resources/subscribe', params }, { session });
        }
        const first = await primed(await read((signal) => client.get(this.#replica(1), { session, signal })));
        this.#streams[who] = new Followed(client, session, first, undefined, who);
      }
    }

    async #call(who: Who, on: Replica, tool: string, args: object): Promise<Followed> {
      const client = this.#clients[who];
      const session = String(this.#sessions[who]);
      const id = `${who}-${this.#calls.length}-${this.#bursts.length}-${this.#run}`;
      const message = { id, method: 'tools/call', params: { name: tool, arguments: args } };
      const first = await read((signal) => client.post(on, message, { session, signal }));
      return new Followed(client, session, first, on, id);
    }

    async take(step: Step): Promise<void> {
      switch (step.do) {
        case 'ask':
          return this.#ask(step.who, this.#replica(step.on));
        case 'burst':
          return this.#burst(step);
        case 'kill':
          return this.#kill(this.#replica(step.on));
        case 'move':
          return this.#streams[step.who]?.resume(this.#replica(step.on));
        case 'leave stream':
          return this.#streams[step.who]?.leave();
        default: {
          const call = this.#calls[step.call % Math.max(1, this.#calls.length)];
          if (!call) return;
          if (step.do === 'leave') return call.leave();
          if (step.do === 'resume') return call.resume(this.#replica(step.on));
          return this.#answer(call, step.on);
        }
      }
    }

    async #ask(who: Who, on: Replica): Promise<void> {
      const path = this.#path(who, this.#calls.length);
      await writeFile(join(deployment.files, path), 'text');
      const call = await this.#call(who, on, 'delete_document', { path });
      await call.last.saw(isQuestion);
      this.#calls.push(call);
    }

    /** Answers by way of one process and reads the end by way of another. */
    async #answer(call: Followed, on: number): Promise<void> {
      const isOver = call.messages().some(({ method }) => method === undefined);
      const isLost = this.#killed.has(call.runsOn as Replica);
      await call.resume(this.#replica(on + 1));
      const question = call.messages().find(isQuestion) as Message;
      const { session } = call;
      const seen = { alice: this.#seenBy('alice').length, bob: this.#seenBy('bob').length };
      await call.client.post(this.#replica(on), agreeing(question), { session });
      expect(await call.last.ended).toBe('ended');
      if (isOver || isLost) return;
      const owner = WHO.find((who) => call.name.startsWith(who)) as Who;
      const path = this.#path(owner, this.#calls.indexOf(call));
      for (const who of WHO) {
        const behind = seen[who];
        if (who === owner) this.#expected[who].push({ what: `documents:///${path}`, behind });
        this.#expected[who].push({ what: 'notifications/resources/list_changed', behind });
      }
    }

    #seenBy(who: Who): unknown[] {
      const messages = this.#streams[who]?.messages() ?? [];
      return messages.map(({ method, params }) => params?.['uri'] ?? method);
    }

    #hasAll(who: Who): boolean {
      const seen = this.#seenBy(who);
      return this.#expected[who].every(({ what, behind }) => seen.lastIndexOf(what) >= behind);
    }

    async #burst({ who, on, cuts, kill }: Extract<Step, { do: 'burst' }>): Promise<void> {
      const replica = this.#replica(on);
      const call = await this.#call(who, replica, 'process_files', { paths: [who] });
      await primed(call.last);
      for (const [i, cut] of cuts.entries()) {
        await call.last.until(() => call.messages().length > cut);
        await call.resume(this.#replica(on + i));
      }
      if (kill) await this.#kill(replica);
      if (kill) await call.resume(this.#replica(on));
      expect(await call.last.ended).toBe('ended');
      this.#bursts.push({ call, who, isKilled: kill });
    }

    async #kill(replica: Replica): Promise<void> {
      this.#killed.add(replica);
      await replica.stop('SIGKILL');
      deployment.replicas.splice(deployment.replicas.indexOf(replica), 1);
      await (await deployment.start()).until(200);
    }

    async end(): Promise<void> {
      for (const call of this.#calls) await this.#answer(call, 0);
      for (const who of WHO) {
        const stream = this.#streams[who] as Followed;
        await stream.last.until(() => this.#hasAll(who)); // or until it is over
        if (!this.#hasAll(who)) await stream.resume(this.#replica(2));
        await stream.last.until(() => this.#hasAll(who));
        await stream.client.end(this.#replica(0), { session: stream.session });
        await stream.last.ended;
      }
    }

    check(): void {
      for (const call of this.#calls) {
        const lost = this.#killed.has(call.runsOn as Replica);
        const seen = call.messages().map(kindOf);
        expect(seen).toEqual(
          lost && seen.at(-1) === 'lost'
            ? ['elicitation/create', 'lost']
            : ['elicitation/create', 'notifications/message', 'result'],
        );
        expect(call.messages().at(-1)?.id).toBe(call.name);
      }
      for (const { call, who, isKilled } of this.#bursts) {
        const seen = call.messages().map((message) => textOf(message));
        const all = burstOf(who);
        if (isKilled && seen.at(-1) === 'lost')
          expect(seen.slice(0, -1)).toEqual(all.slice(0, seen.length - 1));
        else expect(seen).toEqual(all);
      }
      for (const who of WHO) {
        const own = Array.from({ length: SUBSCRIPTIONS }, (_, i) => `documents:///${this.#path(who, i)}`);
        const lists = ['tools', 'prompts', 'resources'].map((kind) => `notifications/${kind}/list_changed`);
        expect(this.#hasAll(who)).toBe(true);
        expect(this.#seenBy(who).filter((one) => ![...own, ...lists].includes(String(one)))).toEqual([]);
      }
    }
  }

  test('no event of a call is lost, doubled, out of order or of somebody else, and no change is missed', async () => {
    const lived = fc.asyncProperty(steps, async (all) => {
      const life = new Life();
      await life.begin();
      for (const step of all) await life.take(step);
      await life.end();
      life.check();
    });
    await fc.assert(lived, { numRuns: 4, endOnFailure: true });
  }, 60_000);
});

function kindOf({ method, error, result }: Message): string {
  if (error?.message.includes('lost')) return 'lost';
  return method ?? (result ? 'result' : 'error');
}

/** What tells one event of a burst from every other. */
function textOf(message: Message): string {
  const { method, params } = message;
  if (method === 'notifications/message') return JSON.stringify(params?.['data']).replace(/"bytes".*/, '');
  return kindOf(message);
}

function burstOf(who: Who): string[] {
  const paths = Array.from({ length: DOCUMENTS }, (_, i) => `${who}/${i}.txt`).sort();
  const each = paths.map((path, i) =>
    JSON.stringify({ message: `Processing document ${i + 1}/${DOCUMENTS}`, path }),
  );
  return [...each, '{"message":"Processing complete!","documents":12,', 'result'];
}
