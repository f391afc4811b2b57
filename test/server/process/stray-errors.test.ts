/** Errors that a definition leaves to the event loop: each fails the call that it belongs to, and no other. */
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type Running, runFile } from '../../helpers/built.js';
import { until } from '../../helpers/until.js';
import { call, callTool } from './requests.js';

jest.setTimeout(60_000);

const CHILD = fileURLToPath(new URL('children/stray.ts', import.meta.url));
const INTERNAL = /^Internal error \(request [\w-]+\)$/;
type Json = Readonly<Record<string, unknown>>;

let running: Running[] = [];
afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.splice(0).map(({ ended }) => ended()));
});

function start(env: Readonly<Record<string, string>>): Running {
  const given = { PORT: '0', ADMIN_PORT: '0', AUTH: 'none', ...env };
  const it = runFile(CHILD, given, '--import', 'tsx');
  running.push(it);
  return it;
}

const body = async (response: Promise<Response>) => (await response).json();
const failures = ({ printed }: Running) => printed.stderr.split('a definition failed').length - 1;

describe('over HTTP', () => {
  async function serve(): Promise<Running & { readonly url: string }> {
    const server = start({});
    return { ...server, url: (await server.saw(/^Serving MCP on (\S+)$/m))[1] ?? '' };
  }

  test('the call that an error belongs to fails with a generic error, and every other one goes on', async () => {
    const server = await serve();
    const slow = body(callTool(server.url, 'slow'));
    const tools = ['timer', 'immediate', 'rejection', 'async'];
    for (const name of tools) {
      const { result } = (await body(callTool(server.url, name))) as { result: unknown };
      expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringMatching(INTERNAL) }] });
    }
    const error = { code: -32603, message: expect.stringMatching(INTERNAL) };
    const ref = { type: 'ref/resource', uri: 'x://{name}' };
    const argument = { name: 'name', value: '' };
    for (const answer of [
      call(server.url, 'prompts/get', { name: 'p' }),
      call(server.url, 'resources/read', { uri: 'x://a' }, { 'Mcp-Name': 'x://a' }),
      call(server.url, 'completion/complete', { ref, argument }),
    ])
      expect(await body(answer)).toMatchObject({ error });

    expect(await slow).toMatchObject({ result: { content: [{ text: 'done' }] } });
    expect(failures(server)).toBe(tools.length + 3);
    expect(server.child.exitCode).toBeNull();
  });

  test('an error after the end of its call is logged, and nothing else', async () => {
    const server = await serve();

    expect(await body(callTool(server.url, 'late'))).toMatchObject({
      result: { content: [{ text: 'done' }] },
    });
    await until(() => failures(server) === 1);
    expect(await body(callTool(server.url, 'slow'))).toMatchObject({
      result: { content: [{ text: 'done' }] },
    });
    expect(server.printed.stderr).not.toContain('unexpected error');
  });

  test('an error of no call ends the process with 1, but first the calls in flight', async () => {
    const server = await serve();
    const slow = body(callTool(server.url, 'slow'));
    await until(() => server.printed.stdout.includes('"received"'));
    server.child.kill('SIGUSR2');

    expect(await slow).toMatchObject({ result: { content: [{ text: 'done' }] } });
    expect(await server.ended()).toBe(1);
    expect(server.printed.stderr).toMatch(/"level":60.*unexpected error/);
    expect(server.printed.stdout).toContain('"completed"');
  });
});

describe('over stdio', () => {
  const answers = ({ printed }: Running) =>
    printed.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Json & { result?: Json });

  async function open(): Promise<Running & { send(id: number, name: string): void }> {
    const server = start({ WAY: 'stdio' });
    const write = (message: Json) =>
      server.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    };
    write({ id: 0, method: 'initialize', params });
    write({ method: 'notifications/initialized' });
    await until(() => answers(server).length === 1);
    return {
      ...server,
      send: (id, name) => void write({ id, method: 'tools/call', params: { name, arguments: {} } }),
    };
  }

  test('its call fails, the others go on, and the process serves', async () => {
    const server = await open();
    server.send(1, 'slow');
    server.send(2, 'timer');
    server.send(3, 'late');
    await until(() => answers(server).length === 4 && failures(server) === 2);
    const byId = new Map(answers(server).map(({ id, result }) => [id, result]));

    expect(byId.get(1)).toMatchObject({ content: [{ text: 'done' }] });
    expect(byId.get(2)).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(INTERNAL) }],
    });
    expect(byId.get(3)).toMatchObject({ content: [{ text: 'done' }] });
    server.child.stdin?.end();
    expect(await server.ended()).toBe(0);
  });

  test('an error of no call ends the process with 1, but first the calls in flight', async () => {
    const server = await open();
    server.send(1, 'slow');
    await until(() => server.printed.stderr.includes('"received"'));
    server.child.kill('SIGUSR2');

    expect(await server.ended()).toBe(1);
    expect(answers(server).at(-1)).toMatchObject({ id: 1, result: { content: [{ text: 'done' }] } });
  });
});
