/** The secrets that the pages have made, as the manifests mount them, the configuration reads them and Redis takes them. */
import { randomBytes, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { loadConfig } from '../../src/server/config/index.js';
import { readSigningKey } from '../../src/server/config/values.js';
import { selfSignedCertificate } from '../helpers/certificate.js';
import { blocks, read, ROOT } from '../helpers/pages.js';
import { describeWithPrograms } from '../helpers/programs.js';
import { type RedisServer, startRedis } from '../helpers/redis-server.js';
import { openShell, type Shell } from '../helpers/shell.js';
import { exists, namespaces, neededSecrets } from './deployed.js';
import { shownFor } from './shell-blocks.js';

const shown = shownFor('docs/secrets');
const find = (words: RegExp) => shown.find(({ text }) => words.test(text));
const creation = find(/^kubectl create namespace (?!\S+-dev$)/m);
const ofDev = find(/^kubectl create namespace \S+-dev$/m);
const stateKey = find(/^openssl rand /);
const password = find(/^redis-cli /m);
const certificate = find(/^openssl s_client /);
const signingKey = find(/^openssl genpkey -algorithm ed25519 /);

test('every block with openssl is one of those below', () => {
  expect(new Set(shown)).toEqual(new Set([creation, ofDev, stateKey, password, certificate, signingKey]));
});

test('the page makes a file before it goes into a Secret, and every Secret before a start', () => {
  const commands = blocks(read('docs/operations/cluster.md')).map(({ text }) => text);
  const first = (words: string) => commands.findIndex((text) => text.includes(words));
  const files = commands.flatMap((text) => [...text.matchAll(/--from-file=(\S+)/g)].map(([, file]) => file));

  expect(new Set(files)).toEqual(new Set(['api-keys.json']));
  expect(first('--file api-keys.json')).toBeGreaterThan(first('npm ci'));
  expect(first('--from-file=api-keys.json')).toBeGreaterThan(first('--file api-keys.json'));
  for (const [made, started] of [
    [creation, 'overlays/prod'],
    [ofDev, 'overlays/dev'],
  ] as const)
    expect(first(`kubectl apply -k deploy/kubernetes/${started}`)).toBeGreaterThan(
      commands.indexOf(String(made?.text)),
    );
});

describeWithPrograms(['openssl', 'redis-server', 'redis-cli'], 'what the page on a cluster makes', () => {
  let shell: Shell;
  let calls: readonly (readonly string[])[];
  let redis: RedisServer;

  beforeAll(async () => {
    shell = openShell();
    shell.standIn('kubectl', `printf '%s\\0' "$@" '' >>'${join(shell.folder, 'calls')}'`);
    calls = await callsOf(String(creation?.text));
    // As the page says, the file itself has nobody who may administer: here somebody has to look.
    const users = join(shell.folder, 'users.acl');
    writeFileSync(users, `${literals()['users.acl']}user admin on nopass ~* &* +@all\n`);
    redis = await startRedis(undefined, '--aclfile', users);
  });
  afterAll(async () => {
    await redis?.stop();
    shell?.remove();
  });

  /** What kubectl is given. */
  async function callsOf(commands: string) {
    writeFileSync(join(shell.folder, 'calls'), '');
    await shell.run(commands, {}, ROOT);
    const recorded = readFileSync(join(shell.folder, 'calls'), 'utf8').split('\0\0');
    return recorded.filter(Boolean).map((call) => call.split('\0'));
  }
  const literals = (given = calls): Readonly<Record<string, string>> => {
    const pairs = given.flat().flatMap((arg) => [...arg.matchAll(/^--from-literal=([^=]+)=(.*)$/gs)]);
    return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]));
  };
  const canLogIn = async (user: string, secret: string) => {
    const url = `redis://${user}:${secret}@127.0.0.1:${redis.port}`;
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    client.on('error', () => {});
    const isIn = await client.connect().then(
      () => true,
      () => false,
    );
    client.destroy();
    return isIn;
  };

  test('is every Secret that the manifests mount, in their namespace, with the names that they read', () => {
    const secrets = calls.filter((call) => call.includes('secret'));
    const names = secrets.map((call) => call[call.indexOf('generic') + 1]);
    const spaces = secrets.map((call) => call[call.indexOf('-n') + 1] ?? '');
    const manifests = ['base/deployment', 'base/settings.env', 'components/redis/valkey'].map((name) =>
      read(`deploy/kubernetes/${name.endsWith('.env') ? name : `${name}.yaml`}`),
    );
    const keys = calls.flat().flatMap((arg) => /^--from-\w+=([^=]+)/.exec(arg)?.[1] ?? []);

    expect(new Set(names)).toEqual(new Set(neededSecrets));
    expect(spaces.filter((name) => !namespaces.has(name))).toEqual([]);
    expect(calls[0]).toEqual(['create', 'namespace', spaces[0]]);
    expect(keys).toHaveLength(5);
    expect(keys.filter((key) => !manifests.some((text) => text.includes(`/${key}`)))).toEqual([]);
  });

  test("is on a machine of one's own the same without Redis", async () => {
    const ofOwn = await callsOf(String(ofDev?.text));
    const { 'state-keys': STATE_KEYS, 'audit-hmac-key': AUDIT_HMAC_KEY, ...others } = literals(ofOwn);
    const namesOf = (given: typeof calls) => given.flatMap((call) => call[call.indexOf('generic') + 1] ?? []);
    const withoutRedis = namesOf(calls.slice(1)).filter((name) => !name.endsWith('-redis-acl'));

    expect(ofOwn[0]?.slice(0, 2)).toEqual(['create', 'namespace']);
    expect(namesOf(ofOwn.slice(1))).toEqual(withoutRedis);
    expect(namespaces.has(String(ofOwn[0]?.[2]))).toBe(true);
    expect(new Set(ofOwn.slice(1).map((call) => call[call.indexOf('-n') + 1]))).toEqual(
      new Set([ofOwn[0]?.[2]]),
    );
    expect(others).toEqual({});
    expect(() => loadConfig({ STATE_KEYS, AUDIT_HMAC_KEY })).not.toThrow();
  });

  test('starts a server', () => {
    const { 'redis-url': REDIS_URL, 'state-keys': STATE_KEYS, 'audit-hmac-key': AUDIT_HMAC_KEY } = literals();

    expect(() => loadConfig({ REPLICAS: '3', REDIS_URL, STATE_KEYS, AUDIT_HMAC_KEY })).not.toThrow();
  });

  test('lets the user of the URL into Redis, and nobody else', async () => {
    const { username, password: secret, hostname, protocol } = new URL(String(literals()['redis-url']));
    const rights = /^user mcp on >SECRET (.*)$/m.exec(read('src/server/stores/README.md'))?.[1];
    const acl = String(literals()['users.acl']);

    expect(acl.replace(/#[0-9a-f]{64}/, '#HASH')).toBe(
      `user default off\nuser ${username} on #HASH ${rights}\n`,
    );
    expect([protocol, exists('service', hostname)]).toEqual(['rediss:', true]);
    expect(await canLogIn(username, secret)).toBe(true);
    expect(await canLogIn(username, 'another')).toBe(false);
    expect(await canLogIn('default', secret)).toBe(false);
  });

  test('changes its password by the commands of the page on keys, with both for a while', async () => {
    const { username, password: old } = new URL(String(literals()['redis-url']));
    const old_hash = /#([0-9a-f]{64})/.exec(String(literals()['users.acl']))?.[1] ?? '';
    shell.standIn(
      'redis-cli',
      `PATH=\${PATH#*:} exec redis-cli -p ${redis.port} --user admin --pass any "$@"`,
    );
    const [before = '', after = ''] = String(password?.text).split(/(?<=\n)(?=.*\$old_hash)/);

    await shell.run(before, { new_password: 'a-new-one' });
    expect([await canLogIn(username, old), await canLogIn(username, 'a-new-one')]).toEqual([true, true]);
    await shell.run(after, { old_hash });
    expect([await canLogIn(username, old), await canLogIn(username, 'a-new-one')]).toEqual([false, true]);
  });
});

describeWithPrograms(['openssl'], 'openssl on the pages', () => {
  let shell: Shell;
  beforeAll(() => {
    shell = openShell();
  });
  afterAll(() => shell?.remove());

  test('makes a key for STATE_KEYS', async () => {
    const { stdout } = await shell.run(String(stateKey?.text));
    const old = randomBytes(32).toString('base64url');

    expect(() => loadConfig({ STATE_KEYS: `${old},${stdout}` })).not.toThrow();
    expect(() => loadConfig({ STATE_KEYS: stdout.slice(0, 20) })).toThrow('STATE_KEYS');
  });

  test('makes the key that signs checkpoints of the audit, and the one that verifies them', async () => {
    await shell.run(String(signingKey?.text));
    const secret = readSigningKey(join(shell.folder, 'audit.key'));
    const open = readFileSync(join(shell.folder, 'audit.pub'), 'utf8');
    const said = Buffer.from('a checkpoint');

    expect(secret && verify(null, said, open, sign(null, said, secret))).toBe(true);
  });

  test('shows until when the certificate that is served is good, and for whom', async () => {
    const server = createServer(selfSignedCertificate()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const command = String(certificate?.text).replace('HOST:443', `127.0.0.1:${port}`);
    const { stdout } = await shell.run(command.replace('HOST', 'localhost'));
    server.close();

    expect(stdout).toMatch(/^notAfter=.+ GMT\nsubject=CN ?= ?localhost\n$/);
  });
});
