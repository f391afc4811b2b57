import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, expect, test } from '@jest/globals';
import type { Extension } from '../../../../src/server/mcp/extensions/extension.js';
import { serve, type Served } from '../../../helpers/serve.js';

const BOTH: Extension = { id: 'org.example/both', declares: { 2025: { of: '2025' }, 2026: { of: '2026' } } };
const NEW: Extension = { id: 'org.example/new', declares: { 2026: {} } };

let server: Served | undefined;
let client: Client | undefined;
afterEach(async () => {
  await client?.close();
  await server?.close();
});

async function capabilitiesIn(era: string, extensions: readonly Extension[]) {
  server = await serve({ tools: [], resources: [], prompts: [], extensions }, []);
  const versionNegotiation = era === '2026' ? { mode: { pin: '2026-07-28' } } : {};
  client = new Client({ name: 'test', version: '1' }, { versionNegotiation });
  const requestInit = { headers: { 'x-api-key': server.key } };
  await client.connect(new StreamableHTTPClientTransport(server.url, { requestInit }));
  return client.getServerCapabilities();
}

test.each([
  ['2025', { 'org.example/both': { of: '2025' } }],
  ['2026', { 'org.example/both': { of: '2026' }, 'org.example/new': {} }],
])('an extension that is listed is declared in the eras that have it: %s', async (era, declared) => {
  expect((await capabilitiesIn(era, [BOTH, NEW]))?.extensions).toEqual(declared);
});

test.each(['2025', '2026'])('without an extension nothing of one is declared in %s', async (era) => {
  const capabilities = await capabilitiesIn(era, []);
  expect(capabilities).toHaveProperty('tools');
  expect(capabilities).not.toHaveProperty('extensions');
});
