import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const CHILD = fileURLToPath(new URL('children/stdio.ts', import.meta.url));

async function connect(era: string): Promise<Client> {
  const versionNegotiation = era === '2026' ? { mode: { pin: '2026-07-28' } } : {};
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: { elicitation: { form: {}, url: {} } }, versionNegotiation },
  );
  client.setRequestHandler('elicitation/create', ({ params }) => {
    if (params.mode === 'url') return { action: params.url === PAGE ? 'accept' : 'cancel' };
    return { action: 'accept', content: { name: 'Ada' } };
  });
  const args = ['--import', 'tsx', CHILD];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'ignore' }));
  return client;
}

const PAGE = 'https://grants.example/connect';
const icons = [{ src: 'data:image/png;base64,AAAA', theme: 'light' }];
const _meta = { 'com.example/shown': [1] };

describe.each(['2025', '2026'])('a client of the %s era over stdio', (era) => {
  let client: Client;
  beforeAll(async () => {
    client = await connect(era);
  });
  afterAll(() => client.close());

  test('is served by a server that offers only tools', async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['ask', 'visit', 'fail']);
    expect(client.getServerCapabilities()).not.toHaveProperty('prompts');
  });

  test('gets all that the definitions say of themselves', async () => {
    const { tools } = await client.listTools();
    expect(tools.at(-1)).toMatchObject({ title: 'Fail', icons, _meta });
    expect(client.getServerVersion()).toMatchObject({ title: 'Over stdio', icons });
    expect(client.getInstructions()).toBe('Ask first.');
  });

  test('reads the extensions that its era has, without those that only HTTP serves', () => {
    expect(client.getServerCapabilities()?.extensions).toEqual({ 'org.example/both': { of: era } });
  });

  test('is asked, and the tool goes on with the answer', async () => {
    const result = await client.callTool({ name: 'ask', arguments: {} });
    expect(result).toMatchObject({ content: [{ type: 'text', text: 'Hello Ada', _meta }], _meta });
  });

  test('is sent to a URL that keeps the rules, and to no other', async () => {
    const visit = (url: string) => client.callTool({ name: 'visit', arguments: { url } });

    expect(await visit(PAGE)).toMatchObject({ content: [{ type: 'text', text: 'accept' }] });
    expect(await visit('http://grants.example/connect')).toMatchObject({ isError: true });
  });

  test('is refused with a progress token that would come back too large', async () => {
    const _meta = { progressToken: 'x'.repeat(257) };
    const refused = await client
      .callTool({ name: 'ask', arguments: {}, _meta })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: -32600 });
    expect(String(refused)).not.toContain('xxx');
    const taken = { ..._meta, progressToken: 'x'.repeat(256) };
    expect((await client.callTool({ name: 'ask', arguments: {}, _meta: taken })).isError).toBeFalsy();
  });

  test('is told which argument no schema names, and the tool does not run', async () => {
    const { tools } = await client.listTools();
    const { isError, content } = await client.callTool({ name: 'fail', arguments: { loudy: true } });
    const text = 'Invalid arguments: / has unknown properties: loudy; known are: loudly';
    expect({ isError, content }).toEqual({ isError: true, content: [{ type: 'text', text }] });
    expect(tools.at(-1)?.inputSchema).toMatchObject({ additionalProperties: false });
  });

  test('is told nothing of the inside by a tool that fails', async () => {
    const result = await client.callTool({ name: 'fail', arguments: {} });
    expect(result.isError).toBe(true);
    expect(JSON.stringify(result)).toMatch(/Internal error \(request [\w-]+\)/);
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });
});
