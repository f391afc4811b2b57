/** What docs/migrate-from-sse.md promises, on the real server. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { transform } from '@swc/core';
import { z } from 'zod';
import { loadConfig } from '../../src/server/config/index.js';
import { defineTool } from '../../src/server/mcp/definitions/tool.js';
import { createLogger } from '../../src/server/observe/logger.js';
import { type RunningServer, openServer } from '../../src/server/start.js';
import { freePort } from '../helpers/free-port.js';
import { blocks, read, ROOT } from '../helpers/pages.js';

const page = read('docs/migrate-from-sse.md');
const greet = defineTool({
  name: 'greet',
  description: 'Greets',
  scopes: ['greetings:send'],
  input: z.object({ name: z.string() }),
  run: ({ name }, context) => {
    context.log('info', 'about to greet');
    return `Hello ${name}`;
  },
});

let folder: string;
let servers: RunningServer[];
const start = async (env: Record<string, string>) => {
  const server = await openServer({
    config: loadConfig({
      PORT: '0',
      ADMIN_PORT: '0',
      AUDIT_SINKS: `file:${join(folder, 'audit.jsonl')}`,
      ALLOWED_ORIGINS: 'https://console.example',
      ...env,
    }),
    definitions: { tools: [greet], resources: [], prompts: [] },
    logger: createLogger('silent'),
  });
  servers.push(server);
  return server;
};
let both: RunningServer;
let key: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'migrate-'));
  servers = [];
  both = await start({ LEGACY_SSE: 'true' });
  key = String(both.developmentKey);
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await rm(folder, { recursive: true });
});

const at = (path: string, server = both) => new URL(path, server.url);
const stream = (init: { headers?: object; signal?: AbortSignal } = {}, server = both) =>
  fetch(at('/sse', server), {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${key}`, ...init.headers },
    ...(init.signal && { signal: init.signal }),
  });
const code = async (res: Response) =>
  ((await res.json()) as { error: { data: { code: string } } }).error.data.code;
const count = async (server = both) => {
  const metrics = await (await fetch(new URL('/metrics', server.adminUrl))).text();
  return Number(/^mcp_legacy_sse_requests_total (\d+)$/m.exec(metrics)?.[1]);
};

async function oldClient() {
  const client = new Client({ name: 'old', version: '1' });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await client.connect(new SSEClientTransport(at('/sse'), { requestInit }));
  return client;
}

describe('serving both', () => {
  test('an old client calls the same tools, behind the same layers', async () => {
    const client = await oldClient();

    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['greet']);
    expect(await client.callTool({ name: 'greet', arguments: { name: 'you' } })).toMatchObject({
      content: [{ text: 'Hello you' }],
    });
    expect(await client.callTool({ name: 'greet', arguments: { name: 5 } })).toMatchObject({ isError: true });
    await client.close();
  });

  test.each([
    ['a wrong credential', 401, 'credentials_invalid', { authorization: 'Bearer wrong' }],
    ['a foreign origin', 403, 'origin_not_allowed', { origin: 'https://evil.example' }],
    ['no stream accepted', 406, 'not_acceptable', { accept: 'application/json' }],
  ])('%s is refused with %i on both endpoints as everywhere', async (_what, status, refusal, headers) => {
    const res = await stream({ headers });
    expect([res.status, await code(res)]).toEqual([status, refusal]);
    if (status === 406) return;
    const posted = await fetch(at('/messages?sessionId=x'), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body: '{}',
    });
    expect([posted.status, await code(posted)]).toEqual([status, refusal]);
  });

  test.each([
    ['POST', '/sse', 'GET'],
    ['DELETE', '/sse', 'GET'],
    ['GET', '/messages', 'POST'],
  ])('%s %s is 405', async (method, path, allowed) => {
    const res = await fetch(at(path), { method, headers: { authorization: `Bearer ${key}` } });

    expect([res.status, res.headers.get('allow')]).toEqual([405, allowed]);
  });

  test('the stream begins as the page shows', async () => {
    const abort = new AbortController();
    const res = await stream({ signal: abort.signal });
    let begin = '';
    for await (const chunk of res.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      begin += chunk;
      if (begin.includes('sessionId=')) break;
    }
    const shown = blocks(page).find(({ text: block }) => block.startsWith(': open'))?.text ?? '';

    expect(begin.replace(/=[\w-]{43}\n/, '=…\n').trim()).toBe(shown.trim());
    abort.abort();
  });

  test('every answer says what the page says, refusals included, and no answer of /mcp does', async () => {
    const shown = blocks(page).find(({ text: block }) => block.startsWith('Deprecation'))?.text ?? '';
    const abort = new AbortController();
    const answers = [
      await stream({ signal: abort.signal }),
      await stream({ headers: { authorization: '' } }),
      await fetch(at('/messages')),
    ];
    for (const { headers } of answers) {
      const link = headers.get('link')?.replace(/(modelcontextprotocol\.io\/)[^>]*/, '$1…');
      const [deprecation, sunset] = [headers.get('deprecation'), headers.get('sunset')];
      expect(`Deprecation: ${deprecation}\nSunset: ${sunset}\nLink: ${link}`).toBe(shown.trim());
    }
    abort.abort();
    expect((await fetch(both.url)).headers.has('deprecation')).toBe(false);
  });

  test('a message needs no Accept, and its body is checked like any other', async () => {
    const send = (body: string) =>
      fetch(at('/messages?sessionId=unknown'), {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: '' },
        body,
      });

    expect(await code(await send('{'))).toBe('malformed_json');
    expect(await code(await send('[]'))).toBe('malformed_message');
    expect(await code(await send('{"jsonrpc":"2.0","id":1,"method":"ping"}'))).toBe('session_not_found');
  });
});

test('the counter and the audit know who is left, and never the session id', async () => {
  const before = await count();
  const client = await oldClient();
  await client.callTool({ name: 'greet', arguments: { name: 'you' } });
  await client.close();
  await fetch(both.url);
  const grown = (await count()) - before;
  await fetch(at('/sse?sessionId=secret-of-a-session'));
  const audit = await readFile(join(folder, 'audit.jsonl'), 'utf8');
  const lines = audit
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const opened = lines.filter((line) => line['http.path'] === '/sse' && line['stage'] === 'stream-open');

  expect(grown).toBeGreaterThanOrEqual(3); // initialize, initialized, the call; the stream when its end is seen
  expect(opened.length).toBeGreaterThan(0);
  for (const line of opened) expect(line['caller']).toMatchObject({ keyId: expect.any(String) });
  expect(audit).not.toContain('sessionId');
  expect(audit).not.toContain('secret-of-a-session');
});

test('turned off, both endpoints are not found, and nothing is counted', async () => {
  const off = await start({});
  const headers = { authorization: `Bearer ${off.developmentKey}` };
  const answers = [await fetch(at('/sse', off), { headers }), await fetch(at('/messages', off), { headers })];
  const metrics = await (await fetch(new URL('/metrics', off.adminUrl))).text();

  expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  expect(await Promise.all(answers.map(code))).toEqual(['not_found', 'not_found']);
  expect(answers.some((answer) => answer.headers.has('deprecation'))).toBe(false);
  expect(metrics).toMatch(/^mcp_legacy_sse_requests_total 0$/m);
});

describe('the client of the page', () => {
  const run = async (server: RunningServer, secret = String(server.developmentKey)) => {
    const snippet = blocks(page).find(({ path }) => path === 'src/connect.ts')?.text ?? '';
    const { code: js } = await transform(
      `${snippet}
       const client = await connect(process.env.SERVER, process.env.KEY).catch((error) => error);
       if (client instanceof Error) console.log(client.code);
       else {
         const { tools } = await client.listTools();
         console.log(client.transport.constructor.name, tools[0].name);
         await client.close();
       }`,
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } },
    );
    const env = { ...process.env, SERVER: new URL('/', server.url).href, KEY: secret };
    const child = spawn(process.execPath, ['--input-type=module', '-'], { cwd: ROOT, env });
    child.stdin.end(js);
    return (await text(child.stdout)).trim();
  };

  test('takes Streamable HTTP where it is served', async () => {
    expect(await run(both)).toBe('StreamableHTTPClientTransport greet');
  });

  test('takes HTTP+SSE where only that is served', async () => {
    const PORT = String(await freePort());
    const PUBLIC_URL = `http://127.0.0.1:${PORT}/elsewhere`;
    const old = await start({ LEGACY_SSE: 'true', PORT, PUBLIC_URL });
    expect(await run(old)).toBe('SSEClientTransport greet');
  });

  test('does not try the old way with a credential that is refused', async () => {
    const server = await start({ LEGACY_SSE: 'true' });

    expect(await run(server, 'wrong')).toBe('401');
    expect(await count(server)).toBe(0);
  });
});
