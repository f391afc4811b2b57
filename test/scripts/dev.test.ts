import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import { readable } from '../../scripts/dev/readable.js';
import { cloneProject, TSX } from '../helpers/clone.js';
import { SETTINGS } from '../settings.js';

test('a log line and an audit record become lines to read', () => {
  const time = '2026-01-02T03:04:05.000Z';
  const record = {
    time,
    stage: 'completed',
    'http.method': 'POST',
    'http.path': '/mcp',
    'http.status': 403,
    caller: { keyId: 'k1' },
    decision: 'deny',
    reason: 'insufficient_scope',
    durationMs: 1.6,
  };
  expect(readable(JSON.stringify(record), false)).toMatch(
    /^\d\d:04:05 completed POST \/mcp 403 by k1 insufficient_scope 2 ms$/,
  );
  const line = readable(
    JSON.stringify({ level: 40, time, pid: 1, hostname: 'h', msg: 'slow', ms: 9 }),
    false,
  );
  expect(line).toMatch(/^\d\d:04:05 warn slow \{"ms":9\}$/);
  expect(readable('Serving MCP on http://127.0.0.1:1/mcp', false)).toBe(
    'Serving MCP on http://127.0.0.1:1/mcp',
  );
  expect(readable('{not json', false)).toBe('{not json');
});

test('colour is only for terminals, and no text of a caller steers one', () => {
  const line = JSON.stringify({ time: 0, stage: 'completed', 'http.path': '/\u001b[2J', decision: 'deny' });
  expect(readable(line, false)).not.toContain('\u001b');
  expect(readable(line, true)).toBe(`\u001b[31m${readable(line, false)}\u001b[0m`);
});

test('the server starts again when its code changes, with the key of the session and the settings of .env', async () => {
  const clone = cloneProject();
  writeFileSync(join(clone.folder, '.env'), 'ADMIN_PORT=0\nPORT=1\n'); // PORT is set already, and stays
  const { PATH = '' } = process.env;
  const dev = spawn(process.execPath, [...TSX, 'scripts/dev.ts'], {
    cwd: clone.folder,
    env: { PATH, PORT: '0', ...SETTINGS },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const urls = new Set<string>();
    const keys: string[] = [];
    for await (const line of createInterface({ input: dev.stdout })) {
      expect(line).not.toContain('\u001b');
      keys.push(...(/^ {2}(mcp_dev_\w+)$/.exec(line)?.slice(1) ?? []));
      const url = /^Serving MCP on (\S+)$/.exec(line)?.[1];
      if (url === undefined) continue;
      urls.add(url);
      if (urls.size === 2) break;
      const now = new Date();
      utimesSync(join(clone.folder, 'src/tools/index.ts'), now, now);
    }
    const [before = '', after = ''] = urls;
    await expect(fetch(before)).rejects.toThrow();
    expect(keys).toHaveLength(1);
    const statusWith = async (key: string) =>
      (await fetch(after, { method: 'POST', headers: { 'X-Api-Key': key } })).status;
    expect(await statusWith('wrong')).toBe(401);
    expect(await statusWith(`${keys[0]}`)).not.toBe(401);
  } finally {
    dev.kill('SIGTERM');
    await once(dev, 'close');
    clone.remove();
  }
}, 240_000);
