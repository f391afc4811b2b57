/** What docs/streaming.md shows and says, on the real server. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool, LOG_LEVELS } from '../../src/server/mcp/definitions/tool.js';
import { blocks, read } from '../helpers/pages.js';
import { serve, type Served } from '../helpers/serve.js';

const page = read('docs/streaming.md');
const work = defineTool({
  name: 'work',
  description: 'Works on two documents',
  scopes: [],
  input: z.object({}),
  run: (_input, context) => {
    for (const done of [1, 2]) {
      context.log('info', `Processing document ${done}/2`);
      context.progress(done, 2, `Processing document ${done}/2`);
    }
    return 'Processing complete!';
  },
});

let server: Served;
beforeAll(async () => {
  server = await serve({ tools: [work], resources: [], prompts: [] }, []);
});
afterAll(() => server.close());

async function post(method: string, params: object, headers: Record<string, string> = {}) {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'X-Api-Key': server.key,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const type = response.headers.get('content-type');
  return { type, session: response.headers.get('mcp-session-id') ?? '', body: await response.text() };
}

const call2026 = (meta: object) =>
  post(
    'tools/call',
    {
      name: 'work',
      arguments: {},
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
        ...meta,
      },
    },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'work' },
  );

describe('revision 2026-07-28', () => {
  test('sends what the page shows to a request that asks for progress and logs', async () => {
    const shown = blocks(page).find(({ text }) => text.startsWith(': open'))?.text ?? '';
    const { type, body } = await call2026({
      progressToken: 'p',
      'io.modelcontextprotocol/logLevel': 'info',
    });

    expect(type).toBe('text/event-stream');
    expect(body.trim()).toBe(shown.trim());
  });

  test('answers in plain JSON where neither is wanted, and has no event ids', async () => {
    const { type, body } = await call2026({});

    expect(type).toMatch('application/json');
    expect(body).not.toContain('notifications/');
    expect((await call2026({ progressToken: 'p' })).body).not.toMatch(/^id:/m);
  });

  test('refuses an unknown level', async () => {
    const { body } = await call2026({ 'io.modelcontextprotocol/logLevel': 'loud' });

    expect(JSON.parse(body)).toMatchObject({ error: { code: -32602 } });
  });
});

describe('revision 2025-11-25', () => {
  const open = async () => {
    const clientInfo = { name: 'test', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    return { 'Mcp-Session-Id': (await post('initialize', params)).session };
  };
  const call = (session: Record<string, string>) =>
    post('tools/call', { name: 'work', arguments: {} }, session);

  test('sends all levels until one is set, with event ids', async () => {
    const session = await open();
    const before = await call(session);
    await post('logging/setLevel', { level: 'notice' }, session);

    expect(before.body).toMatch(/^id: .+\nevent: message\ndata: .*"level":"info"/m);
    expect((await call(session)).body).not.toContain('notifications/message');
  });

  test('refuses an unknown level', async () => {
    const { body } = await post('logging/setLevel', { level: 'loud' }, await open());

    expect(JSON.parse(body)).toMatchObject({ error: { code: -32602 } });
  });
});

test('the page names the eight levels, least severe first', () => {
  const [, section = ''] = page.split('## The eight levels');
  const rows = [...(section.split('## ')[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)];

  expect(rows.map(([, level]) => level)).toEqual(LOG_LEVELS);
});
