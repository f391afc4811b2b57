/** What the containers of compose are given: made by the script, or shipped. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { NAME } from '../../scripts/name.js';
import { describeWithPrograms } from '../helpers/programs.js';
import { COMPOSE, compose, makeSecrets, type Secrets } from './compose/secrets.js';

const output = (program: string, ...args: readonly string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

describeWithPrograms(['openssl'], 'the script of compose', () => {
  let secrets: Secrets;

  beforeAll(() => {
    secrets = makeSecrets();
  });
  afterAll(() => secrets?.remove());

  const made = () => readdirSync(secrets.path, { recursive: true, encoding: 'utf8' }).sort();

  test('makes every file that a container is given and that is not shipped, and no other', () => {
    const volumes = Object.values(compose.services).flatMap((service) => service.volumes ?? []);
    const mounted = volumes.map((volume) => join('deploy', volume.split(':')[0] ?? ''));
    const files = Object.values(compose.secrets).map(({ file }) => join('deploy', file));
    const isMade = (path: string) => path.startsWith(`${COMPOSE}/secrets/`);
    const given = [...mounted, ...files];

    expect(given.filter((path) => !isMade(path) && !existsSync(path))).toEqual([]);
    const names = given.filter(isMade).map((path) => path.slice(`${COMPOSE}/secrets/`.length));
    expect([...names, 'keys/api-keys.json', 'ready'].sort()).toEqual(made());
  });

  test.each([
    ['proxy', 'localhost'],
    ['valkey', 'valkey'],
  ])('gives %s a certificate for %s, and keeps no key of the authority', (name, host) => {
    const [authority, certificate, key] = ['ca.crt', `${name}.crt`, `${name}.key`].map((file) =>
      join(secrets.path, file),
    ) as [string, string, string];
    const purpose = ['-purpose', 'sslserver', '-verify_hostname', host];

    expect(output('openssl', 'verify', '-CAfile', authority, ...purpose, certificate)).toContain(': OK');
    expect(output('openssl', 'x509', '-in', certificate, '-noout', '-pubkey')).toBe(
      output('openssl', 'pkey', '-in', key, '-pubout'),
    );
    const keys = made().filter((file) => file !== 'keys' && secrets.read(file).includes('PRIVATE KEY'));
    expect(keys).toEqual(['proxy.key', 'valkey.key']);
  });

  test('lets nobody read it but the group of the containers, and changes nothing when run again', () => {
    const modeOf = (file: string) => (statSync(join(secrets.path, file)).mode & 0o7777).toString(8);
    const before = made().map(modeOf);
    const url = secrets.read('redis-url');
    secrets.make();

    expect([modeOf('keys'), modeOf('keys/api-keys.json'), modeOf('proxy.key')]).toEqual([
      '2750',
      '640',
      '640',
    ]);
    expect(before.filter((mode) => !mode.endsWith('0'))).toEqual([]);
    expect(made().map(modeOf)).toEqual(before);
    expect(secrets.read('redis-url')).toBe(url);
  });

  test('gives the servers the documented rights in the store, and nobody else any', () => {
    const documented = /^user mcp on >SECRET (.*)$/m.exec(
      readFileSync('src/server/stores/README.md', 'utf8'),
    )?.[1];
    const acl = secrets.read('users.acl');

    expect(acl).toMatch(new RegExp(`^user default off\nuser ${NAME} on #[0-9a-f]{64} [^\n]*\n$`));
    expect(acl).toContain(` ${documented}\n`);
    expect(acl).not.toContain(new URL(secrets.read('redis-url')).password);
  });
});

describeWithPrograms(['promtool'], 'the Prometheus of compose', () => {
  test('accepts its file', () => {
    expect(output('promtool', 'check', 'config', join(COMPOSE, 'prometheus.yml'))).toContain('SUCCESS');
  });
});

test('the Grafana of compose finds its data source and the dashboard where they are mounted', () => {
  const mounted = compose.services.grafana.volumes?.map((volume) => volume.split(':')[1]) ?? [];
  const { providers } = parse(readFileSync(join(COMPOSE, 'grafana/dashboards.yaml'), 'utf8')) as {
    readonly providers: readonly { readonly options: { readonly path: string } }[];
  };

  expect(mounted.filter((path) => path?.startsWith('/etc/grafana/provisioning/'))).toHaveLength(2);
  expect(mounted).toContain(`${providers[0]?.options.path}/${NAME}.json`);
});
