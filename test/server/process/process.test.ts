import { exec, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { shownFor } from '../../docs/shell-blocks.js';
import { type Running, run } from '../../helpers/built.js';
import { until } from '../../helpers/until.js';
import { readRecords } from '../observe/records.js';
import { discover, openStream } from './requests.js';

jest.setTimeout(60_000); // each test starts a process, the first one builds it

/** The command of the page on a full disk. */
const [rotation] = shownFor('server/process/process');
const testWithCurl = spawnSync('curl', ['--version']).status === 0 ? test : test.skip;
const SERVING = /^Serving MCP on (\S+)$/m;
const KEY = /^ {2}(mcp_\S+)$/m;

let folder: string;
let audit: string;
let running: Running[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'process-'));
  audit = join(folder, 'audit.log');
  running = [];
});

afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended()));
  await rm(folder, { recursive: true });
});

function start(env: Readonly<Record<string, string>> = {}, ...nodeOptions: string[]): Running {
  const given = { PORT: '0', ADMIN_PORT: '0', AUDIT_SINKS: `file:${audit}`, ...env };
  const it = run('main.js', given, ...nodeOptions);
  running.push(it);
  return it;
}

const urlOf = async (server: Running) => new URL((await server.saw(SERVING))[1] ?? '');
const withKey = async (server: Running) => ({ 'X-Api-Key': (await server.saw(KEY))[1] ?? '' });

describe('the configuration', () => {
  test('exit code 78 names every variable at fault, and nothing listens', async () => {
    const server = start({
      PORT: 'seventy',
      NODE_ENV: 'production',
      ALOWED_HOSTS: 'a',
      TLS_CERT_FILE: '/no',
    });

    expect(await server.ended()).toBe(78);
    for (const name of [
      'PORT',
      'PUBLIC_URL',
      'ALLOWED_HOSTS',
      'API_KEYS_FILE',
      'ALOWED_HOSTS',
      'TLS_CERT_FILE',
    ])
      expect(server.printed.stderr).toMatch(new RegExp(`^${name}: `, 'm'));
    expect(server.printed.stderr).not.toMatch(SERVING);
    expect(server.printed.stdout).toBe('');
  });

  test('a server that others can reach never makes a development key', async () => {
    for (const env of [{ HOST: '0.0.0.0', ALLOWED_HOSTS: 'a.example' }, { NODE_ENV: 'production' }]) {
      const server = start(env);

      expect(await server.ended()).toBe(78);
      expect(server.printed.stderr).toMatch(/^API_KEYS_FILE: /m);
      expect(server.printed.stderr).not.toContain('mcp_');
    }
  });

  test('the development key is printed once, works, and is another at every start', async () => {
    const [first, second] = [start(), start()];
    const url = await urlOf(first);
    const key = await withKey(first);

    expect((await discover(url, key)).status).toBe(200);
    expect((await discover(url, await withKey(second))).status).toBe(401);
    expect((await discover(url)).status).toBe(401);
    expect(first.printed.stderr.match(/^ {2}mcp_\S+$/gm)).toHaveLength(1);
    expect(first.printed.stdout).toBe('');
    expect(await readFile(audit, 'utf8')).not.toContain(key['X-Api-Key']);
  });

  testWithCurl('the command that is printed with the key works when pasted into a shell', async () => {
    const server = start();
    await urlOf(server);
    const [command = ''] = (await server.saw(/^ {2}curl [^\\\n]*(?:\\\n[^\\\n]*)+$/m)) as string[];
    const { stdout } = await promisify(exec)(command);

    expect(stdout).toContain('"protocolVersion":"2025-11-25"');
  });

  test('with a key file no key is made up', async () => {
    const keys = join(folder, 'keys.json');
    await writeFile(keys, JSON.stringify({ version: 1, keys: [] }), { mode: 0o600 });
    const server = start({ API_KEYS_FILE: keys });
    const url = await urlOf(server);

    expect(server.printed.stderr).not.toContain('mcp_');
    expect((await discover(url)).status).toBe(401);
  });

  test('a port that is taken ends the start with one clear line and exit code 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;

    const ends = await Promise.all(
      ['PORT', 'ADMIN_PORT'].map(async (name) => {
        const server = start({ [name]: String(port) });
        return [await server.ended(), server.printed.stderr];
      }),
    );
    other.close();

    const line = (name: string) =>
      expect.stringMatching(new RegExp(`^The server did not start: ${name} is in use: .*EADDRINUSE.*\n$`));
    expect(ends).toEqual([
      [1, line('PORT')],
      [1, line('ADMIN_PORT')],
    ]);
  });

  test.each([
    ['is no key file', '{"version":1}'],
    ['is no JSON', 'mcp_live_'],
    ['names an unknown member', '{"version":1,"keys":[],"more":1}'],
  ])('a key file that %s ends the start with 78, its path and the fix', async (_what, text) => {
    const keys = join(folder, 'broken.json');
    await writeFile(keys, text);
    const server = start({ API_KEYS_FILE: keys });

    expect(await server.ended()).toBe(78);
    expect(server.printed.stderr).toMatch(
      /^API_KEYS_FILE: .*broken\.json: not a key file.*npm run key -- create, or node dist\/key\.js create$/m,
    );
    expect(server.printed.stderr).not.toContain('mcp_live_');
  });

  test('a file without keys is said, once, in the log', async () => {
    const keys = join(folder, 'none.json');
    await writeFile(keys, JSON.stringify({ version: 1, keys: [] }));
    const server = start({ API_KEYS_FILE: keys });
    await server.saw(SERVING);

    expect(server.printed.stderr.match(/API_KEYS_FILE holds no key/g)).toHaveLength(1);
  });
});

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends the process with 0, every record written',
    async (signal) => {
      const server = start();
      const url = await urlOf(server);
      await (await discover(url, await withKey(server))).text();
      server.child.kill(signal);

      expect(await server.ended()).toBe(0);
      expect((await readRecords(audit)).map(({ stage }) => stage)).toEqual(['completed']);
    },
  );

  test('a second signal does not wait for the first', async () => {
    const server = start({ SHUTDOWN_DELAY_MS: '3600000' });
    await urlOf(server);
    server.child.kill('SIGTERM');
    await server.saw(/draining/);
    server.child.kill('SIGTERM');

    expect(await server.ended()).toBe(1);
  });

  test('SIGTERM ends the streams that only listen, each with its record', async () => {
    const server = start({ AUTH: 'none' });
    const stream = await openStream(await urlOf(server));
    server.child.kill('SIGTERM');

    expect(await server.ended()).toBe(0);
    await stream.text(); // to its proper end: a cut connection would throw
    expect((await readRecords(audit)).map(({ stage }) => stage)).toEqual([
      'completed',
      'stream-open',
      'stream-close',
    ]);
  });

  test('after a rename and SIGHUP the records go to a new file, and none is lost', async () => {
    const server = start({ AUTH: 'none', RATE_LIMIT_IP: '10000/1s', RATE_LIMIT_CALLER: '10000/1s' });
    const url = await urlOf(server);
    const calls: Promise<unknown>[] = [];
    const sendMore = () => calls.push(...Array.from({ length: 10 }, () => discover(url)));
    await discover(url);
    sendMore();
    const rotated = promisify(exec)(String(rotation?.text).replace('PID', String(server.child.pid)), {
      cwd: folder,
    });
    sendMore();
    await rotated;
    sendMore();
    await until(async () => (await readFile(audit, 'utf8').catch(() => undefined)) !== undefined);
    await discover(url);
    await Promise.all(calls);
    server.child.kill('SIGTERM');

    expect(await server.ended()).toBe(0);
    const [old, fresh] = [await readRecords(`${audit}.1`), await readRecords(audit)];
    expect(fresh.length).toBeGreaterThan(0);
    expect([...old, ...fresh].map(({ seq }) => seq)).toEqual(
      Array.from({ length: 32 }, (_, i) => i + 1), // the first is of the start
    );
  });
});

test('an error that nobody expected is logged, without secrets, and ends the process with 1', async () => {
  const secret = `mcp_dev_${'a'.repeat(12)}_${'b'.repeat(40)}`;
  for (const bug of [
    `Promise.reject(new Error('bug ${secret}'))`,
    `(() => { throw new Error('bug ${secret}') })()`,
  ]) {
    const trigger = `data:text/javascript,process.on('SIGUSR2', () => void ${bug})`;
    const server = start({}, '--import', encodeURI(trigger));
    await urlOf(server);
    server.child.kill('SIGUSR2');

    expect(await server.ended()).toBe(1);
    expect(server.printed.stderr).toMatch(/"level":60.*unexpected error/);
    expect(server.printed.stderr).not.toContain(secret);
  }
});

test.each(['main.js', 'stdio.js'])(
  'SIGUSR1 opens no inspector in production, and ends nothing: %s',
  async (file) => {
    const keys = join(folder, 'keys.json');
    await writeFile(keys, JSON.stringify({ version: 1, keys: [] }));
    const server = run(file, {
      NODE_ENV: 'production',
      PORT: '0',
      ADMIN_PORT: '0',
      PUBLIC_URL: 'https://mcp.example/mcp',
      ALLOWED_HOSTS: 'mcp.example',
      TRUSTED_PROXIES: 'none',
      API_KEYS_FILE: keys,
      LOG_LEVEL: 'debug',
      SHUTDOWN_DELAY_MS: '0',
      AUDIT_SINKS: `file:${audit}`,
    });
    running.push(server);
    if (file === 'main.js') await server.saw(SERVING);
    else await initializeOverStdio(server);
    server.child.kill('SIGUSR1');
    server.child.kill('SIGTERM'); // signals are handled in their order

    expect(await server.ended()).toBe(0);
    expect(server.printed.stderr).not.toContain('Debugger listening');
  },
);

async function initializeOverStdio({ child }: Running): Promise<void> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  };
  child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
  await once(child.stdout ?? child, 'data');
}
