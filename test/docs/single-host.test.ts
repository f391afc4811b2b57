/** Does what docs/operations/single-host.md says, in its order and from its text, below a folder instead of `/`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../helpers/free-port.js';
import { blocks, read, ROOT } from '../helpers/pages.js';
import { describeWithPrograms } from '../helpers/programs.js';
import { type RedisServer, startRedis } from '../helpers/redis-server.js';
import { openShell, type Printed, type Shell } from '../helpers/shell.js';
import { SETTINGS } from '../settings.js';
import { shownFor } from './shell-blocks.js';

const PAGE = blocks(read('docs/operations/single-host.md'));
const { name: NAME } = JSON.parse(read('package.json')) as { readonly name: string };
const ADDRESS = '127.0.0.11';
/** It asks the registry for nothing but packages that are not here as the lockfile has them. */
const NPM = {
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_update_notifier: 'false',
};
const OPT = `opt/${NAME}`;
const UNIT = `etc/systemd/system/${NAME}@.service`;

describeWithPrograms(['openssl', 'redis-server', 'runuser'], 'on a single host', () => {
  let shell: Shell;
  let redis: RedisServer;
  let ports: Readonly<Record<string, string>>;
  const printed: Printed[] = [];
  const inRoot = (path: string) => join(shell.folder, path);

  beforeAll(async () => {
    shell = openShell();
    for (const folder of [OPT, 'etc/redis', 'etc/systemd/system'])
      mkdirSync(inRoot(folder), { recursive: true });
    ports = {
      6379: String(await freePort()),
      3000: String(await freePort()),
      9464: String(await freePort()),
    };
    clone(inRoot(OPT));
    standInForWhatChangesTheMachine();
    for (const block of PAGE) {
      if (block.language === 'sh') printed.push(await runAsRoot(block.text));
      else writeFileSync(inRoot(block.path), filled(block.text) + ownSettings());
      const users = inRoot('etc/redis/users.acl');
      if (existsSync(users)) redis ??= await startRedis(Number(ports['6379']), '--aclfile', users);
    }
  }, 120_000);
  afterAll(async () => {
    await redis?.stop();
    shell?.remove();
  });

  /** As it was checked out and installed: `npm ci` itself is the business of test/lockfiles.test.ts. */
  function clone(folder: string): void {
    const isSource = (path: string) => !/^(?:node_modules|dist|coverage|\.git)$/.test(basename(path));
    cpSync(ROOT, folder, { recursive: true, filter: isSource });
    const packages = join(folder, 'node_modules');
    const isLinked = spawnSync('cp', ['-al', join(ROOT, 'node_modules'), packages]).status === 0;
    if (!isLinked) cpSync(join(ROOT, 'node_modules'), packages, { recursive: true, verbatimSymlinks: true });
    const listed = '.package-lock.json'; // npm writes into it: it must not be a link
    rmSync(join(packages, listed), { force: true });
    copyFileSync(join(ROOT, 'node_modules', listed), join(packages, listed));
    rmSync(join(packages, '.cache'), { recursive: true, force: true });
  }

  function standInForWhatChangesTheMachine(): void {
    for (const name of ['useradd', 'chown', 'systemctl'])
      shell.standIn(name, `echo ${name} "$@" >>'${inRoot('calls')}'`);
    shell.standIn('runuser', `[ "$1 $2 $3" = "-u ${NAME} --" ] || exit 64`, 'shift 3', 'exec "$@"');
    shell.standIn('npm', '[ "$1" != ci ] || exit 0', `PATH=\${PATH#*:} exec npm "$@"`);
  }

  const filled = (text: string) =>
    text
      .replaceAll(/\/(?:etc|opt)\//g, (path) => `${shell.folder}${path}`)
      .replaceAll(/(?<=127\.0\.0\.1:|PORT=)\d+/g, (port) => ports[port] ?? port);
  const ownSettings = () =>
    Object.entries(SETTINGS)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  const runAsRoot = (text: string) => shell.run(filled(text), NPM, inRoot('opt'));

  test('every block is done, and the machine is changed by what the page names', () => {
    expect(shownFor('docs/single-host')).toHaveLength(printed.length);
    const calls = readFileSync(inRoot('calls'), 'utf8').replaceAll(shell.folder, '').trimEnd().split('\n');
    expect(calls.map((call) => call.split(' ').slice(0, 3).join(' '))).toEqual([
      'useradd --system --shell',
      'chown redis: /etc/redis/users.acl',
      'systemctl restart redis-server',
      `chown -R ${NAME}:`,
      'systemctl daemon-reload',
      'systemctl enable --now',
    ]);
    expect(readFileSync(inRoot('etc/redis/redis.conf'), 'utf8')).toContain('aclfile ');
  });

  test('only its owner may read a secret, and the page prints none but the key', () => {
    for (const name of ['redis-url', 'state-keys', 'audit-hmac-key', 'api-keys.json'])
      expect([name, statSync(inRoot(`etc/${NAME}/${name}`)).mode & 0o777]).toEqual([name, 0o600]);
    const text = printed.map(({ stdout, stderr }) => stdout + stderr).join('');
    for (const name of ['redis-url', 'state-keys', 'audit-hmac-key'])
      expect(text).not.toContain(readFileSync(inRoot(`etc/${NAME}/${name}`), 'utf8').trim());
  });

  test('the installation has no packages of the development, and its doctor finds no problem', () => {
    expect(existsSync(inRoot(`${OPT}/node_modules/express`))).toBe(true);
    for (const name of ['typescript', 'tsx', 'jest'])
      expect(existsSync(inRoot(`${OPT}/node_modules/${name}`))).toBe(false);
    expect(printed.at(-1)?.stdout).toMatch(/^ +ok +Redis[^]*No problem found\./m);
  });

  test('the unit starts a replica that serves the key of the page, and drains when it is stopped', async () => {
    const unit = readFileSync(inRoot(UNIT), 'utf8').replaceAll('%i', ADDRESS);
    const valueOf = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
    const { PATH = '' } = process.env;
    const settings = parseEnv(readFileSync(filled(valueOf('EnvironmentFile')), 'utf8'));
    const given = parseEnv(valueOf('Environment').replaceAll(' ', '\n'));
    const [program, ...args] = valueOf('ExecStart').split(' ');
    expect(program).toBe('/usr/bin/node');
    const server = spawn(process.execPath, args, {
      cwd: filled(`${valueOf('WorkingDirectory')}/`),
      env: { PATH, ...settings, ...given },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(server, 'close');
    try {
      let isServing = false;
      let said = '';
      for await (const line of createInterface({ input: server.stderr })) {
        said += `${line}\n`;
        isServing = line.startsWith('Serving MCP on ');
        if (isServing) break;
      }
      expect([isServing, isServing ? '' : said]).toEqual([true, '']);
      const key = /^mcp_live_\w+$/m.exec(printed[1]?.stdout ?? '')?.[0] ?? '';
      expect(await initialize(key)).toMatchObject([200, { result: { serverInfo: {} } }]);
      expect(await initialize(key.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')))).toMatchObject([
        401,
        {},
      ]);
    } finally {
      server.kill('SIGTERM');
    }
    expect(await ended).toEqual([0, null]);
  }, 60_000);

  /** As the proxy passes it on. */
  async function initialize(key: string): Promise<readonly [status: number | undefined, body: unknown]> {
    const clientInfo = { name: 'test', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const req = request({
      host: ADDRESS,
      port: ports['3000'],
      path: '/mcp',
      method: 'POST',
      agent: false,
      headers: {
        Host: 'mcp.example.com',
        'X-Forwarded-For': '192.0.2.1',
        'X-Api-Key': key,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
      },
    });
    req.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }));
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    return [res.statusCode, await json(res)];
  }
});

describeWithPrograms(['systemd-analyze'], 'the unit', () => {
  let shell: Shell;
  let path: string;
  beforeAll(() => {
    shell = openShell();
    path = join(shell.folder, `${NAME}@${ADDRESS}.service`);
    const unit = read('deploy/systemd/replica.service');
    writeFileSync(path, unit.replace('/usr/bin/node', process.execPath).replace(`/${OPT}`, '/'));
  });
  afterAll(() => shell?.remove());

  test('is one that systemd takes without a warning', async () => {
    expect(await shell.run(`systemd-analyze verify '${path}'`)).toEqual({ stdout: '', stderr: '' });
    appendFileSync(path, 'NoNewPrivilege=yes\n'); // misspelt, to see that it looks
    expect((await shell.run(`systemd-analyze verify '${path}'`)).stderr).toContain('NoNewPrivilege');
  });

  test('leaves a process little to attack the machine with', async () => {
    const threshold = 20; // of 100
    const { stdout } = await shell.run(
      `systemd-analyze security --no-pager --offline=yes --threshold=${threshold} '${path}'`,
    );
    expect(stdout).toContain('Overall exposure level');
  });
});
