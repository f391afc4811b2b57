/** `npm run console` as a process. */
import { expect, jest, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describeWithChromium } from './with-chromium.js';

jest.setTimeout(60_000);

const cwd = fileURLToPath(new URL('../../../', import.meta.url));
const COMMAND = ['--import', 'tsx', 'scripts/console.ts'];

test.each([
  [['--help'], 0, /^npm run console/],
  [['--port', 'x'], 64, /^--port is a number.*--help/s],
  [['--url', 'ftp://a.example'], 64, /^--url is the http/],
  [['--nonsense'], 64, /--nonsense/],
])('with %j it ends with %i and says why', (args, code, words) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...COMMAND, ...args], {
    cwd,
    encoding: 'utf8',
  });
  expect([status, stdout + stderr]).toEqual([code, expect.stringMatching(words)]);
});

describeWithChromium('npm run console', () => {
  test('serves the page and a server that allows it, and leaves nothing behind', async () => {
    const tmp = await mkdtemp(join(tmpdir(), 'console-test-'));
    const command = spawn(process.execPath, [...COMMAND, '--port', '0'], {
      cwd,
      env: { ...process.env, TMPDIR: tmp },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed: string[] = [];
    let origin: string | undefined;
    for await (const line of createInterface({ input: command.stderr })) {
      printed.push(line);
      origin = /^The console: (\S+)$/.exec(line)?.[1];
      if (origin !== undefined) break;
    }
    try {
      const settings = (await (await fetch(`${origin}/settings.json`)).json()) as { url: string };
      expect(printed).toContain(`Serving MCP on ${settings.url}`);
      const page = await fetch(String(origin));
      expect(page.headers.get('Content-Security-Policy')).toContain(
        `connect-src 'self' ${new URL(settings.url).origin};`,
      );
      const preflight = (from: string) =>
        fetch(settings.url, {
          method: 'OPTIONS',
          headers: { Origin: from, 'Access-Control-Request-Method': 'POST' },
        });
      expect((await preflight(String(origin))).status).toBe(204);
      expect((await preflight('http://127.0.0.1:1')).status).toBe(403);
    } finally {
      command.kill('SIGINT');
      await once(command, 'close');
    }
    expect(command.exitCode).toBe(0);
    await expect(fetch(String(origin))).rejects.toThrow();
    expect((await readdir(tmp)).filter((name) => name.startsWith('mcp-'))).toEqual([]);
    await rm(tmp, { recursive: true });
  });
});
