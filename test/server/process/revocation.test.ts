/** A stream only listens, for hours: it must not outlive the credential that opened it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { newApiKey } from '../../../src/server/identity/api-key-format.js';
import { readRecords, until } from '../observe/records.js';
import { closeAll, type Started, start } from './start.js';

jest.setTimeout(20_000);

const { id, key, hash } = newApiKey('dev');
const createdAt = '2026-01-01T00:00:00Z';
const ENTRY = { id, name: 'test', scopes: ['a', 'b'], createdAt, secrets: [{ hash }] };
let folder: string;
let file: string;
let server: Started;

const keep = (...keys: object[]) => writeFile(file, JSON.stringify({ version: 1, keys }));
const ask = (init: RequestInit & { path?: string }, headers: Readonly<Record<string, string>> = {}) =>
  fetch(new URL(init.path ?? server.url, server.url), {
    ...init,
    headers: {
      Authorization: `Bearer ${key}`,
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      ...headers,
    },
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revocation-'));
  file = join(folder, 'keys.json');
  await keep(ENTRY);
  const env = { STREAM_KEEPALIVE_MS: '50', LEGACY_SSE: 'true' };
  server = await start({ AUTH: 'api-key', API_KEYS_FILE: file, ...env });
});
afterEach(async () => {
  await closeAll();
  await rm(folder, { recursive: true });
});

async function openGet(): Promise<Response> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  const { headers } = await ask({ method: 'POST', body });
  return ask({}, { 'Mcp-Session-Id': headers.get('mcp-session-id') ?? '' });
}

function openListen(): Promise<Response> {
  const meta = 'io.modelcontextprotocol/';
  const _meta = {
    [`${meta}protocolVersion`]: '2026-07-28',
    [`${meta}clientInfo`]: { name: 't', version: '1' },
    [`${meta}clientCapabilities`]: {},
  };
  const params = { notifications: { toolsListChanged: true }, _meta };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params });
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'subscriptions/listen' };
  return ask({ method: 'POST', body }, headers);
}

describe.each([
  ['a GET stream', openGet],
  ['subscriptions/listen', openListen],
  ['HTTP+SSE', () => ask({ path: '/sse' })],
])('%s', (_name, open) => {
  test.each([
    ['is revoked', { ...ENTRY, revokedAt: createdAt }],
    ['loses a scope', { ...ENTRY, scopes: ['a'] }],
  ])('ends when its key %s', async (_how, entry) => {
    const stream = await open();
    expect(stream.status).toBe(200);

    await keep(entry);
    await stream.text();

    const isClosed = ({ stage }: { stage: string }) => stage === 'stream-close';
    await until(async () => (await readRecords(server.audit)).some(isClosed));
    const record = (await readRecords(server.audit)).find(isClosed);
    expect(record).toMatchObject({ reason: 'credentials_invalid' });
  });

  test('stays when its key is good, or nobody can tell', async () => {
    const stream = await open();
    const reader = stream.body?.getReader();

    await keep(ENTRY, { ...ENTRY, id: 'AAAAAAAAAAAA' });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await writeFile(file, 'half a fi');
    await new Promise((resolve) => setTimeout(resolve, 1_200));

    for (let event = 0; event < 10; event += 1) expect((await reader?.read())?.done).toBe(false);
    await reader?.cancel();
  });
});
