/** Revision 2026-07-28 on three processes: nothing is kept between two requests, and still each replica goes on. */
import { randomBytes } from 'node:crypto';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithRedis } from '../helpers/redis.js';
import { type Deployment, deploy, type Replica } from '../helpers/processes.js';
import { body, type Client, clientOf, type Message, read, stateless } from './client.js';

const CAPABILITIES = { elicitation: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };

describeWithRedis('a request of 2026-07-28 on three replicas', () => {
  let deployment: Deployment;
  let alice: Client, bob: Client;
  const key = () => randomBytes(32).toString('base64url');
  const oldKey = key();

  beforeAll(async () => {
    deployment = await deploy({ env: { STATE_KEYS: oldKey, AUDIT_HMAC_KEY: key() } });
    [alice, bob] = [clientOf(deployment.alice), clientOf(deployment.bob)];
  }, 60_000);
  afterAll(() => deployment?.close());

  async function send(client: Client, to: Replica, method: string, params: object): Promise<Message> {
    const { body: message, headers } = stateless(method, { ...params }, CAPABILITIES);
    return body(await client.post(to, message, { headers }));
  }

  /** Asks for a deletion, as far as its question. */
  async function ask(to: Replica, path: string) {
    await writeFile(join(deployment.files, path), 'text');
    const call = { name: 'delete_document', arguments: { path } };
    const { result } = await send(alice, to, 'tools/call', call);
    expect(result).toMatchObject({ resultType: 'input_required' });
    const inputResponses = { confirm: { action: 'accept', content: { confirm: true } } };
    return { ...call, requestState: result?.['requestState'], inputResponses };
  }

  test('is answered on another replica than the one that asked, and by its own caller only', async () => {
    const [a, b, c] = deployment.replicas as [Replica, Replica, Replica];
    const answer = await ask(a, 'asked.txt');

    expect(await send(bob, c, 'tools/call', answer)).toMatchObject({ error: { code: -32602 } });
    expect(await send(alice, b, 'tools/call', answer)).toMatchObject({
      result: { structuredContent: { path: 'asked.txt', deleted: true } },
    });
  });

  test('has its effects once: its answer is refused wherever it comes again, and it can begin anew', async () => {
    const [a, b, c] = deployment.replicas as [Replica, Replica, Replica];
    const path = 'once.txt';
    const answer = await ask(a, path);
    const replays = [a, b, c, a, b, c].map((to) => send(alice, to, 'tools/call', answer));
    const outcomes = await Promise.all(replays);
    await writeFile(join(deployment.files, path), 'made again');
    for (const to of [a, b, c]) outcomes.push(await send(alice, to, 'tools/call', answer));

    expect(outcomes.filter(({ result }) => result !== undefined)).toHaveLength(1);
    const refused = outcomes.flatMap(({ error }) => (error === undefined ? [] : [error]));
    expect(refused).toHaveLength(replays.length + 3 - 1);
    for (const error of refused) {
      expect(error).toMatchObject({ code: -32602, data: { reason: 'request_state_used' } });
    }
    expect(await readFile(join(deployment.files, path), 'utf8')).toBe('made again');
    expect(await send(alice, c, 'tools/call', await ask(b, path))).toMatchObject({
      result: { structuredContent: { path, deleted: true } },
    });
  });

  test('survives the rotation of the sealing keys: what one seals, all open that know its key', async () => {
    const [a] = deployment.replicas as [Replica];
    const newKey = key();
    const before = await ask(a, 'before.txt');
    const both = await deployment.start({ STATE_KEYS: `${oldKey},${newKey}` });
    const rotated = await deployment.start({ STATE_KEYS: `${newKey},${oldKey}` });
    const strange = await deployment.start({ STATE_KEYS: newKey });
    await Promise.all([both, rotated, strange].map((one) => one.until(200)));

    expect(await send(alice, rotated, 'tools/call', before)).toMatchObject({
      result: { structuredContent: { deleted: true } },
    });
    const after = await ask(rotated, 'after.txt');
    expect(await send(alice, both, 'tools/call', after)).toMatchObject({
      result: { structuredContent: { deleted: true } },
    });
    expect(await send(alice, strange, 'tools/call', await ask(both, 'late.txt'))).toMatchObject({
      error: { code: -32602 },
    });
  });

  test('that listens hears of changes on every replica, each once', async () => {
    const [a, b, c] = deployment.replicas as [Replica, Replica, Replica];
    const notifications = {
      resourceSubscriptions: ['a', 'b', 'c', 'end'].map((one) => `documents:///${one}`),
    };
    const { body: message, headers } = stateless('subscriptions/listen', { notifications });
    const streams = await Promise.all(
      [a, b, c].map((to) => read((signal) => alice.post(to, message, { headers, signal }))),
    );
    await Promise.all(
      streams.map(({ saw }) => saw(({ method }) => method?.endsWith('acknowledged') === true)),
    );
    for (const [to, path] of [
      [a, 'a'],
      [b, 'b'],
      [c, 'c'],
      [a, 'end'],
    ] as const) {
      await send(alice, to, 'tools/call', await ask(b, path));
    }
    await Promise.all(streams.map(({ saw }) => saw(({ params }) => params?.['uri'] === 'documents:///end')));

    for (const stream of streams) {
      const uris = stream.messages().flatMap(({ params }) => params?.['uri'] ?? []);
      expect(uris).toEqual(notifications.resourceSubscriptions);
      stream.leave();
    }
  });

  /** A task that reads a document with no end in sight; `free` removes it. */
  async function beginTask(to: Replica) {
    const path = join(deployment.files, 'endless');
    await writeFile(path, '');
    await truncate(path, 2 ** 38); // a hole: it takes no room
    const { result } = await send(alice, to, 'tools/call', { name: 'find_duplicates', arguments: {} });
    expect(result).toMatchObject({ resultType: 'task', status: 'working' });
    return { taskId: String(result?.['taskId']), free: () => rm(path) };
  }
  const listenTo = (taskId: string, on: Replica) => {
    const notifications = { taskIds: [taskId] };
    const { body: message, headers } = stateless('subscriptions/listen', { notifications }, CAPABILITIES);
    return read((signal) => alice.post(on, message, { headers, signal }));
  };

  test('that became a task is read, heard and cancelled on the other replicas, by its own caller only', async () => {
    const [a, b, c] = deployment.replicas as [Replica, Replica, Replica];
    const { taskId, free } = await beginTask(a);
    const stream = await listenTo(taskId, c);
    for (const method of ['tasks/get', 'tasks/cancel'])
      expect(await send(bob, b, method, { taskId })).toMatchObject({ error: { code: -32602 } });
    expect((await send(alice, b, 'tasks/get', { taskId })).result).toMatchObject({ status: 'working' });

    await send(alice, b, 'tasks/cancel', { taskId });
    await stream.saw(({ params }) => params?.['status'] === 'cancelled');
    stream.leave();
    const linesOf = async (end: string) =>
      (await deployment.audited()).filter(({ detail }) => (detail as { task?: string })?.task === end);
    while ((await linesOf('cancelled')).length === 0) await new Promise(setImmediate); // `a` has stopped the tool
    await free();

    const lines = await deployment.audited();
    const [end] = await linesOf('cancelled');
    const ofTask = lines.filter(
      (line) => line['mcp.task'] === end?.['mcp.task'] && line['decision'] === 'allow',
    );
    const methods = new Set(ofTask.map((line) => line['mcp.method.name']));
    expect(methods).toEqual(new Set(['tools/call', 'tasks/get', 'tasks/cancel']));
    expect(JSON.stringify(lines)).not.toContain(taskId);
  });

  test('that became a task has failed, with a reason, when its replica is killed', async () => {
    const [a, b] = deployment.replicas as [Replica, Replica];
    const dying = await deployment.start();
    await dying.until(200);
    const { taskId, free } = await beginTask(dying);
    const stream = await listenTo(taskId, a);
    await dying.stop('SIGKILL');
    await stream.saw(({ params }) => params?.['status'] === 'failed');
    stream.leave();
    await free();

    expect((await send(alice, b, 'tasks/get', { taskId })).result).toMatchObject({
      status: 'failed',
      statusMessage: 'The server that ran this task stopped',
      error: { code: -32603 },
    });
  });
});
