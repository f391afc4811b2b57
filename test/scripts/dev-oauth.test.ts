/** The walk of `npm run dev:oauth`, with a browser that reads the pages and fills in their forms. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { startDevOauth } from '../../scripts/dev-oauth/start.js';
import { walk } from '../../scripts/dev-oauth/walk.js';
import { defineTool } from '../../src/server/mcp/definitions/tool.js';
import { SETTINGS } from '../settings.js';

const tool = (name: string, scope: string) =>
  defineTool({ name, description: name, scopes: [scope], input: z.object({}), run: () => 'done' });
const definitions = {
  tools: [tool('read', 'notes:read'), tool('write', 'notes:write')],
  resources: [],
  prompts: [],
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-dev-oauth-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Follows redirects, signs in and consents, as far as the page that is not the authorization server's. */
async function browse(start: URL): Promise<string[]> {
  const cookies = new Map<string, string>();
  const pages: string[] = [];
  let next: { url: URL; body?: URLSearchParams } = { url: start };
  for (let hop = 0; hop < 15; hop++) {
    const { url, body } = next;
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const method = body ? 'POST' : 'GET';
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { cookie },
      body: body ?? null,
    });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=');
      cookies.set(name, value);
    }
    const text = await response.text();
    const location = response.headers.get('location');
    if (location !== null) next = { url: new URL(location, url) };
    else if (url.origin !== start.origin) return pages;
    else {
      pages.push(text);
      const inputs = [...text.matchAll(/<input[^>]*name="(\w+)"(?:[^>]*value="(\w*)")?/g)];
      const filled = inputs.map(([, name = '', value]): [string, string] => [name, value ?? 'alice']);
      const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1] ?? '';
      next = { url: new URL(action, url), body: new URLSearchParams(filled) };
    }
  }
  throw new Error('too many pages');
}

test('goes from a 401 to a refreshed token, with consent, a step up, and a program without a user', async () => {
  const audit = join(folder, 'audit.log');
  const dev = await startDevOauth({
    definitions,
    ownSettings: SETTINGS,
    port: 0,
    issuerPort: 0,
    auditSink: `file:${audit}`,
  });
  const said: string[] = [];
  const pages: string[] = [];
  try {
    const visit = async (url: URL) => void pages.push(...(await browse(url)));
    await walk({ ...dev, stepUpTool: 'write', visit, say: (line) => said.push(line) });
  } finally {
    await dev.close();
  }

  const steps = said.map((line) => /^ {3}POST \S*\/(mcp|token) (\S+).* → (\d+)/.exec(line)).filter(Boolean);
  expect(steps.map((step) => step?.slice(2))).toEqual([
    ['tools/list', '401'],
    ['authorization_code', '200'],
    ['tools/list', '200'],
    ['tools/call', '403'],
    ['authorization_code', '200'],
    ['tools/call', '200'],
    ['refresh_token', '200'],
    ['tools/list', '200'],
    ['client_credentials', '200'],
    ['tools/list', '200'],
  ]);
  expect(pages.some((page) => page.includes('name="password"'))).toBe(true);
  expect(pages.filter((page) => page.includes('notes:write')).length).toBeGreaterThan(0); // consent names the scope
  const text = said.join('\n');
  expect(text).toContain('scope="notes:read notes:write"');
  expect(text).not.toMatch(/eyJ|code=/); // neither a token nor a code
  expect(text).not.toContain(dev.service.secret);

  const records = (await readFile(audit, 'utf8')).trim().split('\n');
  const calls = records.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(calls.filter(({ stage }) => stage === 'received')).toMatchObject([
    { 'gen_ai.tool.name': 'write', caller: { subject: 'alice', method: 'jwt' } },
  ]);
});

test('what makes no sense ends with 64, and nothing is started', () => {
  const args = ['--import', 'tsx', 'scripts/dev-oauth.ts', '--port', 'x'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });

  expect([status, stdout]).toEqual([64, '']);
  expect(stderr).toContain('Usage: npm run dev:oauth');
});
