/** What the doctor finds by trying, each thing broken once. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import { checkServices } from '../../../../src/server/commands/doctor/opened.js';
import type { OpenServices } from '../../../../src/server/mcp/definitions/tool.js';
import { tryAll } from '../../../../src/server/commands/doctor/checks.js';
import { loadConfig } from '../../../../src/server/config/index.js';
import { selfSignedCertificate } from '../../../helpers/certificate.js';
import { freePort } from '../../../helpers/free-port.js';
import { describeWithRedis } from '../../../helpers/redis.js';
import { startRedis } from '../../../helpers/redis-server.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the environment names; which files and definitions a clone changed is for tests of their own. */
const found = async (env: NodeJS.ProcessEnv, openServices?: OpenServices) =>
  (
    await tryAll(loadConfig({ PORT: '0', ADMIN_PORT: '0', ...env }), new Set(), {
      ...(openServices && { openServices }),
    })
  ).filter(({ check }) => check !== 'template' && check !== 'definitions');
const levelsOf = async (env: NodeJS.ProcessEnv, check: string) =>
  (await found(env)).filter((finding) => finding.check === check).map(({ level }) => level);

test('the defaults are well, and every finding that is not has a fix', async () => {
  expect((await found({})).filter(({ level }) => level !== 'ok')).toEqual([]);
  const broken = await found({
    PUBLIC_URL: 'https://mcp.example/mcp',
    ALLOWED_HOSTS: 'other.example',
    ALLOWED_ORIGINS: 'http://page.example',
    AUDIT_SINKS: 'file:/nonexistent/audit.log',
  });
  const notOk = broken.filter(({ level }) => level !== 'ok');
  expect(notOk.map(({ check, level }) => `${check} ${level}`)).toEqual([
    'host problem',
    'origins warning',
    'proxies warning',
    'audit problem',
  ]);
  expect(notOk.filter(({ fix }) => !fix)).toEqual([]);
});

test('an audit sink that a start could not open is named, and nothing is made', async () => {
  const absent = join(folder, 'audit.log');
  expect(await levelsOf({ AUDIT_SINKS: `file:${absent}` }, 'audit')).toEqual(['ok']);
  expect(existsSync(absent)).toBe(false);
  await writeFile(join(folder, 'plain'), '');
  expect(spawnSync('mkfifo', [join(folder, 'fifo')]).status).toBe(0);
  for (const sink of [folder, join(folder, 'plain', 'audit.log'), join(folder, 'fifo')]) {
    expect(await levelsOf({ AUDIT_SINKS: `file:${sink}` }, 'audit')).toEqual(['problem']);
  }
});

test('one port of two addresses that overlap is named', async () => {
  const PORT = String(await freePort());
  const given = { PORT, ADMIN_PORT: PORT, ADMIN_HOST: '0.0.0.0' };
  expect(await levelsOf(given, 'ports')).toEqual(['ok', 'problem']);
});

test('services are opened and closed; why they cannot be is said', async () => {
  const close = jest.fn(async () => {});
  const opened: unknown = { close }; // what the clone's own services are is not for this test to know
  const services = async (open: OpenServices) =>
    (await found({}, open)).filter(({ check }) => check === 'services');
  expect(await services(async () => opened as never)).toMatchObject([{ level: 'ok' }]);
  expect(close).toHaveBeenCalledTimes(1);
  expect(await services(() => Promise.reject(new Error('no route to db.example')))).toMatchObject([
    { level: 'problem', message: 'no route to db.example' },
  ]);
});

test('services that never open are not waited for', async () => {
  jest.useFakeTimers();
  const outcome = expect(
    (async () => checkServices(() => new Promise(() => {}))(loadConfig({}), new Date()))(),
  ).rejects.toThrow('src/services.ts');
  await jest.advanceTimersByTimeAsync(10_000);
  await outcome;
  jest.useRealTimers();
});

test('a certificate is looked at: its end, and its name', async () => {
  const pathOf = (name: string) => join(folder, name);
  const TLS = { TLS_CERT_FILE: pathOf('cert.pem'), TLS_KEY_FILE: pathOf('key.pem') };
  const use = async (now: Date) => {
    const { cert, key } = selfSignedCertificate(now);
    await Promise.all([writeFile(TLS.TLS_CERT_FILE, cert), writeFile(TLS.TLS_KEY_FILE, key)]);
  };
  const day = 86_400_000;
  await use(new Date());
  expect(await levelsOf(TLS, 'TLS certificate')).toEqual(['ok']);
  expect(await levelsOf({ ...TLS, PUBLIC_URL: 'https://mcp.example/mcp' }, 'TLS certificate')).toEqual([
    'problem',
  ]);
  await use(new Date(Date.now() - 20 * day));
  expect(await levelsOf(TLS, 'TLS certificate')).toEqual(['warning']);
  await use(new Date(Date.now() - 40 * day));
  expect(await levelsOf(TLS, 'TLS certificate')).toEqual(['problem']);
});

test('an API key file that others may write, or without a key that works, is named', async () => {
  const API_KEYS_FILE = join(folder, 'keys.json');
  await writeFile(API_KEYS_FILE, '{"version":1,"keys":[]}', { mode: 0o600 });
  expect(await levelsOf({ API_KEYS_FILE }, 'API keys')).toEqual(['warning']);
  await writeFile(join(folder, 'open.json'), '{"version":1,"keys":[]}', { mode: 0o600 });
  await writeFile(API_KEYS_FILE, '{"version":1}');
  expect(await levelsOf({ API_KEYS_FILE }, 'API keys')).toEqual(['problem']);
});

test('a denylist that cannot be used, or that others may write, is named', async () => {
  const DENYLIST_FILE = join(folder, 'denylist.json');
  await writeFile(DENYLIST_FILE, '{"clients":["app"]}', { mode: 0o600 });
  expect(await levelsOf({ DENYLIST_FILE }, 'denylist')).toEqual(['ok']);
  await chmod(DENYLIST_FILE, 0o666);
  expect(await levelsOf({ DENYLIST_FILE }, 'denylist')).toEqual(['problem']);
  await writeFile(DENYLIST_FILE, '{"client":["app"]}');
  expect(await levelsOf({ DENYLIST_FILE }, 'denylist')).toEqual(['problem']);
});

test('an issuer is reached, its keys fit, and its clock agrees', async () => {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  const key = { ...(await exportJWK(publicKey)), alg: 'ES256', kid: '1' };
  let date = new Date();
  const issuer = http.createServer((_req, res) => {
    const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
    res.writeHead(200, { Date: date.toUTCString(), 'Content-Type': 'application/json' });
    res.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys`, keys: [key] }));
  });
  issuer.listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  const env = { AUTH: 'jwt', JWT_ISSUERS: url };
  const check = `issuer ${url}`;

  expect(await levelsOf(env, check)).toEqual(['ok', 'ok']);
  date = new Date(Date.now() - 3_600_000);
  expect(await levelsOf(env, check)).toEqual(['ok', 'warning']);
  expect(await levelsOf({ ...env, JWT_ALGORITHMS: 'PS256' }, check)).toEqual(['problem', 'warning']);
  issuer.closeAllConnections();
  issuer.close();
  await once(issuer, 'close');
  expect(await levelsOf(env, check)).toEqual(['problem']);
});

test('the issuer of opaque tokens is asked about one that nobody issued', async () => {
  let answer: readonly [status: number, body: string] = [200, '{"active":false}'];
  const issuer = http.createServer((_req, res) => {
    res.writeHead(answer[0], { 'Content-Type': 'application/json' }).end(answer[1]);
  });
  issuer.listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  const env = {
    AUTH: 'introspection',
    INTROSPECTION_URL: url,
    INTROSPECTION_ISSUER: url,
    INTROSPECTION_CLIENT_ID: 'ours',
    INTROSPECTION_CLIENT_SECRET: 'hunter2',
  };
  try {
    expect(await levelsOf(env, 'introspection')).toEqual(['ok']);
    answer = [200, '{"active":true}'];
    expect(await levelsOf(env, 'introspection')).toEqual(['problem']);
    answer = [401, '{}'];
    expect(await levelsOf(env, 'introspection')).toEqual(['problem']);
    expect(JSON.stringify(await found(env))).not.toContain('hunter2');
  } finally {
    issuer.closeAllConnections();
    issuer.close();
  }
  expect(await levelsOf({ ...env, INTROSPECTION_CLIENT_SECRET: '{' }, 'introspection')).toEqual(['problem']);
});

describeWithRedis('Redis', () => {
  test('answers, and its user has every right that the server needs', async () => {
    const redis = await startRedis();
    try {
      expect(await levelsOf({ REDIS_URL: redis.url }, 'Redis')).toEqual(['ok']);
    } finally {
      await redis.stop();
    }
    expect(await levelsOf({ REDIS_URL: redis.url }, 'Redis')).toEqual(['problem']);
  });

  test('a right that is missing is named, and no password shown', async () => {
    const rights = ['on', '>hunter2', '~mcp:*', '&mcp:*', '+@all', '-@scripting'];
    const redis = await startRedis(undefined, '--user', 'app', ...rights);
    const [wrong, poor] = ['app:wrong', 'app:hunter2'].map((login) => redis.url.replace('//', `//${login}@`));
    try {
      const findings = await Promise.all([found({ REDIS_URL: wrong }), found({ REDIS_URL: poor })]);
      const [rejected, lacking] = findings.map((all) => all.filter(({ check }) => check === 'Redis'));
      expect(rejected).toMatchObject([{ level: 'problem', fix: expect.stringContaining('password') }]);
      expect(lacking).toContainEqual(expect.objectContaining({ message: expect.stringContaining('NOPERM') }));
      expect(JSON.stringify(findings)).not.toContain('hunter2');
    } finally {
      await redis.stop();
    }
  });
});
