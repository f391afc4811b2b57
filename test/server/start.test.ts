import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { loadConfig } from '../../src/server/config/index.js';
import { defineTool, type ToolDefinition } from '../../src/server/index.js';
import { createLogger } from '../../src/server/observe/logger.js';
import { openServer } from '../../src/server/start.js';
import { freePort } from '../helpers/free-port.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'server-'));
});
afterEach(() => rm(folder, { recursive: true }));

function start(env: Readonly<Record<string, string>>, tools: readonly ToolDefinition[] = []) {
  const config = loadConfig({ ADMIN_PORT: '0', AUDIT_SINKS: `file:${join(folder, 'audit.log')}`, ...env });
  const definitions = { tools, resources: [], prompts: [] };
  return openServer({ config, definitions, logger: createLogger('silent') });
}

test('a connection that never sent a request does not keep the server from closing', async () => {
  const server = await start({ PORT: '0' });
  const silent = connect(Number(server.url.port), '127.0.0.1');
  const kept = connect(Number(server.url.port), '127.0.0.1');
  await Promise.all([once(silent, 'connect'), once(kept, 'connect')]);
  kept.write('GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(kept, 'data');
  const gone = Promise.all([once(silent, 'close'), once(kept, 'close')]);

  const startedAt = performance.now();
  await server.close(); // the grace is 65 seconds

  expect(performance.now() - startedAt).toBeLessThan(4_000);
  await gone;
});

test('whoever knocks while the server starts is answered as soon as the connection is taken', async () => {
  const port = await freePort();
  const keys = join(folder, 'keys.json');
  await writeFile(keys, JSON.stringify({ version: 1, keys: [] })); // read between two turns of the event loop
  const knocks: Promise<'answered' | 'refused'>[] = [];
  const knocking = setInterval(() => knocks.push(knock(port)));

  const server = await start({ PORT: String(port), API_KEYS_FILE: keys });
  clearInterval(knocking);
  knocks.push(knock(port));

  expect(await Promise.all(knocks)).toContain('answered');
  await server.close();
});

function knock(port: number): Promise<'answered' | 'refused'> {
  return new Promise((resolve) => {
    const request = http.get({ port, host: '127.0.0.1', path: '/nothing', agent: false }, (response) => {
      response.resume();
      resolve('answered');
    });
    request.on('error', () => resolve('refused'));
  });
}

describe('a 401 tells a client whose OAuth attempt failed what this server takes', () => {
  const refusal = async (env: Readonly<Record<string, string>>, headers: Record<string, string>) => {
    const server = await start({ PORT: '0', ...env });
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const response = await fetch(server.url, { method: 'POST', body, headers });
    const { error } = (await response.json()) as { error: { message: string } };
    await server.close();
    return { status: response.status, message: error.message };
  };

  test.each([{}, { Authorization: 'Bearer a.b.c' }, { 'X-Api-Key': 'mcp_live_wrong' }])(
    'API keys only, with %j',
    async (headers) => {
      expect(await refusal({}, headers as Record<string, string>)).toEqual({
        status: 401,
        message: expect.stringContaining('this server takes API keys only'),
      });
    },
  );

  test('nothing of the kind where it takes tokens too', async () => {
    const env = { AUTH: 'jwt,api-key', JWT_ISSUERS: 'http://127.0.0.1:1' };
    expect((await refusal(env, {})).message).not.toContain('only');
  });
});

test.each(['https://mcp.example', 'https://mcp.example/', 'https://mcp.example/mcp'])(
  'a server at %s names itself exactly so',
  async (publicUrl) => {
    const port = await freePort();
    const host = `127.0.0.1:${port}`;
    const server = await start({
      PORT: String(port),
      PUBLIC_URL: publicUrl,
      ALLOWED_HOSTS: host,
      AUTH: 'jwt',
      JWT_ISSUERS: 'http://127.0.0.1:1',
    });
    const metadata = await fetch(`http://${host}/.well-known/oauth-protected-resource`);
    const refused = await fetch(server.url, { method: 'POST' });
    await server.close();

    expect(await metadata.json()).toMatchObject({ resource: publicUrl });
    const path = publicUrl.endsWith('/mcp') ? '/mcp' : '';
    expect(refused.headers.get('www-authenticate')).toContain(
      `resource_metadata="https://mcp.example/.well-known/oauth-protected-resource${path}"`,
    );
  },
);

test.each([
  ['', 'required', 'read write'],
  ['read', 'required', 'read'],
  ['read', 'all', 'read write'],
])(
  'with REQUIRED_SCOPES=%s and CHALLENGE_SCOPES=%s a client is told to ask for "%s"',
  async (required, challenge, scope) => {
    const tool = (name: string, scopes: readonly string[]) =>
      defineTool({ name, description: name, scopes, input: z.object({}), run: () => 'ran' });
    const server = await start(
      {
        PORT: '0',
        AUTH: 'jwt',
        JWT_ISSUERS: 'http://127.0.0.1:1',
        REQUIRED_SCOPES: required,
        CHALLENGE_SCOPES: challenge,
      },
      [tool('reads', ['read']), tool('writes', ['write'])],
    );
    const { headers } = await fetch(server.url, { method: 'POST' });
    await server.close();

    expect(
      /scope="([^"]*)"/
        .exec(headers.get('www-authenticate') ?? '')?.[1]
        ?.split(' ')
        .sort()
        .join(' '),
    ).toBe(scope);
  },
);
