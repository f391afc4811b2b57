import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Message } from '../../../helpers/raw-messages.js';

const CHILD = fileURLToPath(new URL('children/stdio.ts', import.meta.url));
const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
};

let child: ChildProcess;
/** Sends these requests at once. @returns their answers by id */
let send: (requests: readonly (readonly [method: string, params: object])[]) => Promise<readonly Message[]>;

beforeEach(async () => {
  child = spawn(process.execPath, ['--import', 'tsx', CHILD, 'resources'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error('no pipes');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  send = async (requests) => {
    stdin.write(
      requests
        .map(([method, params], id) => `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
        .join(''),
    );
    const answers: Message[] = [];
    for (const _ of requests) answers.push(JSON.parse(String((await lines.next()).value)) as Message);
    return answers.sort((a, b) => Number(a.id) - Number(b.id));
  };
  await send([['initialize', INITIALIZE]]);
});

afterEach(async () => {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
});

const subscribe = (uri: string) => ['resources/subscribe', { uri }] as const;

test('a client over stdio subscribes to resources that exist, by their one name', async () => {
  const answers = await send(['test://doc/a', 'test://doc/%61', 'test://other/a'].map(subscribe));

  expect(answers.map(({ error }) => error?.message)).toEqual([
    undefined,
    'Resource not found',
    'Resource not found',
  ]);
});

test('subscriptions over stdio are bounded; one that is there may be repeated', async () => {
  const uris = Array.from({ length: 1001 }, (_, i) => `test://doc/${i}`);
  const answers = await send([...uris, 'test://doc/1'].map(subscribe));

  expect(answers.slice(0, 1000).every(({ result }) => result)).toBe(true);
  expect(answers[1000]?.error).toMatchObject({
    code: -32602,
    message: 'Too many subscriptions: 1000 at most',
  });
  expect(answers[1001]?.result).toEqual({});
});

test('a subscription of revision 2026-07-28 over stdio is bounded alike', async () => {
  const resourceSubscriptions = Array.from({ length: 1001 }, (_, i) => `test://doc/${i}`);
  const [answer] = await send([['subscriptions/listen', { notifications: { resourceSubscriptions } }]]);

  expect(answer?.error).toMatchObject({ code: -32602, message: 'Too many subscriptions: 1000 at most' });
});
