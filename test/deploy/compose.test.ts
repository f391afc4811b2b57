import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { lintCompose } from '../../scripts/deploy/compose.js';
import { SETTINGS } from '../settings.js';

const FILE = readFileSync('deploy/compose.yaml', 'utf8');

/** `npm run check:deploy` says them too: whoever deploys a clone gives them. */
const isOwn = ({ message }: { readonly message: string }) =>
  Object.keys(SETTINGS).some((name) => message.startsWith(`${name} `));

test("the compose file is as it should be, and its server would start with a clone's own settings", () => {
  expect(lintCompose(FILE).filter((problem) => !isOwn(problem))).toEqual([]);
});

const BROKEN: readonly (readonly [rule: string, was: string, is: string])[] = [
  ['image', 'caddy:2.11.4-alpine', 'caddy:latest'],
  ['image', 'prom/prometheus:v3.7.3', 'prom/prometheus'],
  ['root', 'user: "65532:65532"', 'user: root'],
  ['root', 'user: "65528:65532"', 'user: "472"'],
  ['writable-root', 'read_only: true', 'read_only: false'],
  ['capabilities', 'cap_drop: [ALL]', 'cap_drop: []'],
  ['capabilities', 'cap_add: [NET_BIND_SERVICE]', 'cap_add: [SYS_ADMIN]'],
  ['privileges', '"no-new-privileges:true"', ''],
  ['resources', 'mem_limit: 128m', ''],
  ['mounts', 'Caddyfile:ro', 'Caddyfile'],
  ['mounts', './compose/Caddyfile:/etc/caddy/Caddyfile', '/var/run/docker.sock:/docker.sock'],
  ['secret-in-env', 'REDIS_URL_FILE: /run/secrets/redis-url', 'REDIS_URL: rediss://a:b@valkey:6379'],
  [
    'secret-in-env',
    'GF_SECURITY_ADMIN_PASSWORD__FILE: /run/secrets/grafana-password',
    'GF_SECURITY_ADMIN_PASSWORD: x',
  ],
  ['references', 'networks: [state]', 'networks: [backend]'],
  ['references', 'REDIS_CA_FILE: /run/secrets/ca.crt', 'REDIS_CA_FILE: /run/secrets/ca.pem'],
  ['references', 'secrets: [grafana-password]', 'secrets: [grafana]'],
  ['configuration', 'ALLOWED_HOSTS: localhost:8443', ''],
  ['configuration', 'TRUSTED_PROXIES: 172.30.10.2/32', 'TRUSTED_PROXIES: 0.0.0.0/0'],
  ['configuration', 'PUBLIC_URL: https:', 'PUBLIC_URL: http:'],
  ['variables', 'AUTH: api-key', 'AUTH: api-key\n      MAX_BODY: "5"'],
  ['exposed', 'deploy: { replicas: 3 }', 'ports: ["3000:3000"]'],
  ['grace', 'stop_grace_period: 85s', 'stop_grace_period: 60s'],
  ['replicas', 'replicas: 3', 'replicas: 5'],
  ['health', '127.0.0.1:9464', '127.0.0.1:3000'],
  ['listeners', 'ADMIN_HOST: 0.0.0.0', 'ADMIN_HOST: 127.0.0.1'],
];

test.each(BROKEN)('a mistake is seen: %s, %j → %j', (rule, was, is) => {
  expect(FILE).toContain(was);
  expect(lintCompose(FILE.replace(was, is)).map((problem) => problem.rule)).toContain(rule);
});
