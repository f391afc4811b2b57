/** What docs/what-you-may-delete.md deletes, deleted in copies: the rest compiles, starts and serves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Clone, cloneProject, TSX, TYPES } from '../helpers/clone.js';
import { type Block, blocks, read } from '../helpers/pages.js';
import { call, discover, post } from '../server/process/requests.js';
import { SETTINGS } from '../settings.js';
import { shownFor } from './shell-blocks.js';

const PAGE = 'docs/what-you-may-delete.md';
const sections = new Map(
  read(PAGE)
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n')[0] ?? '', blocks(section)]),
);

let clone: Clone;
beforeEach(() => {
  clone = cloneProject();
});
afterEach(() => clone.remove());

/** As the page says; each text that it edits must be there, once. */
function remove(title: string): void {
  for (const block of sections.get(title) ?? []) {
    if (block.language === 'diff') edit(block);
    else
      for (const path of block.text.trim().split(' ').slice(3))
        rmSync(join(clone.folder, path), { recursive: true });
  }
}

function edit({ path, text: shown }: Block): void {
  let content = clone.read(path);
  for (const hunk of shown.trimEnd().split('\n\n')) {
    const lines = (sign: string) =>
      hunk.split('\n').flatMap((line) => (line.startsWith(sign) ? line.slice(1) : []));
    const before = lines('-')
      .map((line) => line.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join('\n')
      .replaceAll('…', '[^]*?');
    const parts = content.split(new RegExp(`^${before}`, 'm'));
    expect({ path, hunk, found: parts.length - 1 }).toEqual({ path, hunk, found: 1 });
    content = parts.join(lines('+').join('\n'));
  }
  writeFileSync(join(clone.folder, path), content);
}

/** Without the tests, which need what is deleted. */
const compile = () =>
  clone.node(
    ...TYPES.slice(0, -1),
    'tsconfig.build.json',
    '--tsBuildInfoFile',
    'node_modules/.cache/test-build/what-you-may-delete.tsbuildinfo',
  );

function start(env: Readonly<Record<string, string>>) {
  const { PATH = '', SystemRoot = '' } = process.env;
  return spawn(process.execPath, [...TSX, 'src/main.ts'], {
    cwd: clone.folder,
    env: { PATH, SystemRoot, PORT: '0', ADMIN_PORT: '0', AUTH: 'none', ...SETTINGS, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** Starts what is left, asks it, and sees it drain. */
async function serving(
  env: Readonly<Record<string, string>>,
  ask: (url: string) => Promise<void>,
): Promise<void> {
  const server = start(env);
  try {
    let url = '';
    for await (const line of createInterface({ input: server.stderr })) {
      url = /^Serving MCP on (\S+)$/.exec(line)?.[1] ?? '';
      if (url !== '') break;
    }
    expect((await discover(url)).status).toBe(200);
    expect((await call(url, 'tools/list')).status).toBe(200);
    await ask(url);
  } finally {
    server.kill('SIGTERM');
    if (server.exitCode === null) await once(server, 'exit');
  }
  expect(server.exitCode).toBe(0);
}

const initialize = (url: string) =>
  post(url, {
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  });

async function hasNoSse(url: string): Promise<void> {
  expect((await fetch(new URL('/sse', url))).status).toBe(404);
  expect((await fetch(new URL('/messages', url), { method: 'POST' })).status).toBe(404);
}

async function refuses2025(url: string): Promise<void> {
  const answer = await initialize(url);
  expect([answer.status, await answer.json()]).toMatchObject([
    400,
    { error: { data: { code: 'unsupported_version', supported: ['2026-07-28'] } } },
  ]);
}

async function startsWithoutRedisOnly(): Promise<void> {
  const server = start({ REDIS_URL: 'redis://127.0.0.1:6379' });
  const [said] = await Promise.all([text(server.stderr), once(server, 'exit')]);
  expect([server.exitCode, said]).toEqual([1, expect.stringContaining('Redis was removed from this server')]);
}

test('the page deletes what this test deletes, and nothing else', () => {
  expect([...sections.keys()]).toEqual(['HTTP+SSE', 'The 2025 era', 'Redis', 'stdio']);
  expect(shownFor('docs/what-you-may-delete').map(({ page }) => page)).toEqual(Array(4).fill(PAGE));
});

test('without HTTP+SSE its paths are not found, and sessions are opened as before', async () => {
  remove('HTTP+SSE');
  compile();

  await serving({ LEGACY_SSE: 'true' }, async (url) => {
    await hasNoSse(url);
    expect((await initialize(url)).headers.get('mcp-session-id')).toMatch(/./);
  });
}, 120_000);

test('without Redis a start that asks for it fails, and one process serves', async () => {
  remove('Redis');
  compile();

  await serving({}, async (url) => expect((await initialize(url)).status).toBe(200));
  await startsWithoutRedisOnly();
}, 120_000);

test('without stdio HTTP is served', async () => {
  remove('stdio');
  compile();

  await serving({}, async (url) => expect((await initialize(url)).status).toBe(200));
}, 120_000);

test('without the 2025 era its clients learn which revision is served; with all four gone the rest still serves', async () => {
  for (const title of ['HTTP+SSE', 'The 2025 era']) remove(title);
  compile();
  await serving({}, refuses2025);

  for (const title of ['Redis', 'stdio']) remove(title);
  compile();
  await serving({}, async (url) => {
    await refuses2025(url);
    await hasNoSse(url);
  });
  await startsWithoutRedisOnly();
}, 240_000);
