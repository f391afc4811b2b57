import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { tasks } from '../../src/server/index.js';
import { defineTool, ToolError, UrlRequired } from '../../src/server/mcp/definitions/tool.js';
import { processFiles } from '../helpers/process-files.js';
import { serve, type Served } from '../helpers/serve.js';

jest.setTimeout(60_000); // each run starts a process

const tools = [
  processFiles,
  defineTool({
    name: 'long',
    description: 'Runs on, as a task',
    scopes: [],
    task: 'allowed',
    input: z.object({ forEver: z.boolean().default(false) }),
    run: async ({ forEver }, { ask, progress, signal }) => {
      progress(1, 2, 'half of it');
      if (forEver) await once(signal, 'abort');
      const requestedSchema = { type: 'object', properties: { sure: { type: 'boolean' } } };
      const { action } = await ask('sure', {
        method: 'elicitation/create',
        params: { message: 'Sure?', requestedSchema },
      });
      if (action !== 'accept') throw new ToolError('Not without a yes');
      return 'done at last';
    },
  }),
  defineTool({
    name: 'fail',
    description: 'Fails',
    scopes: [],
    input: z.object({}),
    run: () => {
      throw new ToolError('It is Sunday');
    },
  }),
  defineTool({
    name: 'confirm',
    description: 'Asks',
    scopes: [],
    input: z.object({}),
    run: async (_input, context) => {
      const requestedSchema = { type: 'object', properties: { sure: { type: 'boolean' } } };
      const params = { message: 'Sure?', requestedSchema };
      const { action } = await context.ask('sure', { method: 'elicitation/create', params });
      return `user: ${action}`;
    },
  }),
  defineTool({
    name: 'connect',
    description: 'Needs a page',
    scopes: [],
    input: z.object({}),
    run: () => {
      throw new UrlRequired('Connect your calendar', 'https://grants.example/connect');
    },
  }),
  defineTool({
    name: 'wait',
    description: 'Waits',
    scopes: [],
    input: z.object({}),
    run: async (_input, { log, signal }) => {
      log('notice', 'waiting');
      await once(signal, 'abort');
      return 'aborted';
    },
  }),
  defineTool({
    name: 'guarded',
    description: 'Needs more',
    scopes: ['special'],
    input: z.object({}),
    run: () => 'done',
  }),
];

let server: Served;
let url: string;
beforeAll(async () => {
  server = await serve(
    { tools, resources: [], prompts: [], extensions: [tasks], urlHosts: ['grants.example'] },
    [],
  );
  url = server.url.href;
});
afterAll(() => server.close());

/** Nothing it runs in is a terminal. */
function start(args: readonly string[]) {
  const command = ['--import', 'tsx', 'examples/client/main.ts', ...args];
  const client = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    client[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  const ended = once(client, 'close').then(([code]) => ({ code: code as number, ...output }));
  return { client, ended };
}
const run = (...args: readonly string[]) => start(args).ended;

/** Without an era, and `list`: test/docs/requests.test.ts, as the pages have it. */
describe.each(['2025', '2026'])('era %s', (era) => {
  test('prints what happens to stderr while it happens, line by line, and the result to stdout', async () => {
    const { code, stdout, stderr } = await run(url, '--key', server.key, '--era', era, 'process', 'a', 'b');

    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: [
        `connected, revision ${era === '2025' ? '2025-11-25' : '2026-07-28'}`,
        'info      looking path="a"',
        'progress 1/2 (50%) counted',
        'info      looking path="b"',
        'progress 2/2 (100%) counted',
        '',
      ].join('\n'),
    });
    expect(stdout).toContain(`${'a'.repeat(64)}  b`);
    expect(stdout).toContain('2 documents');
  });
});

test('a credential goes as a token too, and the log level is the one asked for', async () => {
  const { code, stdout, stderr } = await run(
    url,
    '--token',
    server.key,
    '--log-level',
    'error',
    'call',
    'process_files',
    '{"paths":["a"]}',
  );

  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ documents: [{ path: 'a' }] });
  expect(stderr).not.toContain('looking');
});

test('answers a question with --yes', async () => {
  const { code, stdout } = await run(url, '--key', server.key, '--era', '2025', '--yes', 'call', 'confirm');

  expect([code, stdout]).toEqual([0, 'user: accept\n']);
});

test('shows the page that its user needs before the call can go on', async () => {
  const { code, stderr } = await run(url, '--key', server.key, '--era', '2025', 'call', 'connect');

  expect(code).toBe(1);
  expect(stderr).toContain('error -32042: Connect your calendar');
  expect(stderr).toContain('Open https://grants.example/connect in your browser');
});

describe('a call that becomes a task', () => {
  test('is followed to its end: its messages go to stderr, its questions are answered, its result is printed', async () => {
    const { code, stdout, stderr } = await run(url, '--key', server.key, '--yes', 'call', 'long');

    expect([code, stdout]).toEqual([0, 'done at last\n']);
    expect(stderr).toMatch(/task (?:working|input_required) half of it\n[^]*The server asks: Sure\?/);
    expect(stderr).toContain('task completed');
    const asked = (await server.audited()).map((line) => line['mcp.method.name']);
    expect(asked).toEqual(expect.arrayContaining(['tasks/get', 'tasks/update']));
  });

  test('fails as a call fails, and waits for its answer in the 2025 era', async () => {
    const refused = await run(url, '--key', server.key, 'call', 'long');
    const classic = await run(url, '--key', server.key, '--era', '2025', '--yes', 'call', 'long');

    expect([refused.code, refused.stdout]).toEqual([1, 'Not without a yes\n']);
    expect([classic.code, classic.stdout]).toEqual([0, 'done at last\n']);
    expect(classic.stderr).not.toContain('task ');
  });

  const canSignal = process.platform !== 'win32';
  (canSignal ? test : test.skip)('is cancelled at the server by Ctrl-C', async () => {
    const { client, ended } = start([url, '--key', server.key, 'call', 'long', '{"forEver":true}']);
    for (let text = ''; !text.includes('task working'); ) text += String(await once(client.stderr, 'data'));
    client.kill('SIGINT');

    expect((await ended).code).toBe(130);
    const cancelled = (await server.audited()).filter((line) => line['mcp.method.name'] === 'tasks/cancel');
    expect(cancelled).not.toHaveLength(0);
  });
});

describe('the exit code', () => {
  test('is 1 when the tool fails, with its reason on stdout', async () => {
    const { code, stdout } = await run(url, '--key', server.key, 'call', 'fail');

    expect({ code, stdout }).toEqual({ code: 1, stdout: 'It is Sunday\n' });
  });

  test('is 2 for a command line that makes no sense, and nothing is sent', async () => {
    const { code, stdout, stderr } = await run(url, '--key', server.key, 'call', 'fail', '[1]');

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('the arguments of a tool are a JSON object');
  });

  test('is 3 when the server refuses, in its own words, or is not there', async () => {
    const [refused, guarded, absent] = [
      await run(url, '--key', 'wrong', 'list'),
      await run(url, '--key', server.key, 'call', 'guarded'),
      await run('http://127.0.0.1:1/mcp', '--key', server.key, 'list'),
    ];

    expect([refused.code, guarded.code, absent.code]).toEqual([3, 3, 3]);
    expect(refused.stderr).toContain('401 credentials_invalid');
    expect(guarded.stderr).toContain('403 insufficient_scope');
    expect(refused.stderr + absent.stderr).not.toContain(server.key);
  });

  const canSignal = process.platform !== 'win32';
  (canSignal ? test : test.skip)('is 130 after Ctrl-C, which cancels the call', async () => {
    const { client, ended } = start([url, '--key', server.key, 'call', 'wait']);
    for (let text = ''; !text.includes('waiting'); ) text += String(await once(client.stderr, 'data'));
    client.kill('SIGINT');

    expect((await ended).code).toBe(130);
  });
});
