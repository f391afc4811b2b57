/** A small heap, and callers who ask for more than it holds. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { developmentKey } from '../../../src/server/identity/api-key-entry.js';
import { type Running, runFile } from '../../helpers/built.js';
import { until } from '../../helpers/until.js';
import { call, callTool, openSession, post } from './requests.js';

jest.setTimeout(120_000);

const CHILD = fileURLToPath(new URL('children/large.ts', import.meta.url));
const PLENTY = '1000000/60s';
const [greedy, modest] = [developmentKey([]), developmentKey([])];
const as = ({ key }: typeof greedy) => ({ Authorization: `Bearer ${key}` });

let folder: string;
let server: Running;
let url: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'memory-'));
  const file = join(folder, 'keys.json');
  await writeFile(file, JSON.stringify({ version: 1, keys: [greedy.entry, modest.entry] }));
  const limits = { RATE_LIMIT_IP: PLENTY, RATE_LIMIT_CALLER: PLENTY };
  const env = { PORT: '0', ADMIN_PORT: '0', API_KEYS_FILE: file, ...limits };
  server = runFile(CHILD, env, '--max-old-space-size=320', '--import', 'tsx');
  url = (await server.saw(/^Serving MCP on (\S+)$/m))[1] ?? '';
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.child.kill('SIGKILL');
  await server.ended();
  await rm(folder, { recursive: true });
});

/** The bytes of a `resources/read`, as its client would write them. */
function readRequest(): string {
  const meta = 'io.modelcontextprotocol/';
  const _meta = {
    [`${meta}protocolVersion`]: '2026-07-28',
    [`${meta}clientInfo`]: { name: 'test', version: '1' },
    [`${meta}clientCapabilities`]: {},
  };
  const params = { uri: 'x://document', _meta };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params });
  const headers = {
    ...as(greedy),
    Host: new URL(url).host,
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'resources/read',
    'Mcp-Name': 'x://document',
  };
  const lines = Object.entries(headers).map((header) => header.join(': '));
  return `POST /mcp HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

const isRefused = () => /"decision":"deny","reason":"overloaded"/.test(server.printed.stdout);

/** Whoever holds memory does so for as long as these tests last; a processor that is busy has time again soon. */
async function expectServed(): Promise<void> {
  await until(async () => {
    const answer = await callTool(url, 'small', as(modest));
    const text = await answer.text();
    if (answer.status === 503) return false;
    expect([answer.status, text]).toEqual([200, expect.stringContaining('done')]);
    return true;
  }, 60_000);
}

test.each([
  [1, 170],
  [120, 8],
])(
  '%p connections that each pipeline %p reads of a document and read nothing end no process',
  async (connections, reads) => {
    const text = readRequest().repeat(reads);
    for (let i = 0; i < connections; i++) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
      sockets.push(socket.pause());
      socket.write(text);
    }
    if (connections > 1) await until(isRefused, 60_000);
    for (let i = 0; i < 20; i++) await expectServed();

    expect(server.child.exitCode).toBeNull();
  },
);

test.each(['2025', '2026'])(
  'sixty calls at once with results of 9 MB (%s) end no process: those without room are 503, and another caller is served',
  async (era) => {
    const params = { name: 'large', arguments: { bytes: 9_000_000, together: 60 } };
    const session = era === '2025' ? await openSession(url, as(greedy)) : {};
    const one = (id: number) =>
      era === '2025'
        ? post(url, { id, method: 'tools/call', params }, { ...as(greedy), ...session })
        : call(url, 'tools/call', params, as(greedy));
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, id) => {
        const answer = await one(id);
        const text = await answer.text();
        return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text };
      }),
    );
    await expectServed();

    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(60);
    for (const { retryAfter, text } of refused) {
      expect(retryAfter).toBe('1');
      expect(text).toMatch(/"id":\d+,"error":.*"code":"overloaded"/);
    }
    const served = answers.filter(({ status }) => status === 200);
    expect(served).toHaveLength(60 - refused.length);
    for (const { text } of served) expect(text.length).toBeGreaterThan(9_000_000);
    expect(server.child.exitCode).toBeNull();
  },
);
