import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { inspectToken } from '../../../src/server/commands/token.js';
import { newApiKey } from '../../../src/server/identity/api-key-format.js';
import { defineTool } from '../../../src/server/mcp/definitions/tool.js';
import { builtFile } from '../../helpers/built.js';
import { SETTINGS } from '../../settings.js';
import { AUDIENCE, startIssuer, type TestIssuer } from '../identity/issuer.js';

const tool = (name: string, scopes: readonly string[]) =>
  defineTool({ name, description: name, scopes, input: z.object({}), run: () => 'ran' });
const tools = [tool('look', ['a']), tool('drop', ['c'])];

let issuer: TestIssuer;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  issuer = await startIssuer();
  env = { AUTH: 'jwt', JWT_ISSUERS: issuer.url, JWT_AUDIENCE: AUDIENCE };
});
afterAll(() => issuer.close());

async function inspect(token: string, more: NodeJS.ProcessEnv = {}) {
  const { isAccepted, lines } = await inspectToken({ tools }, token, { ...env, ...more });
  const text = lines.join('\n');
  for (const part of token.split('.').filter(({ length }) => length > 8)) expect(text).not.toContain(part);
  return { isAccepted, text };
}

test('a good token: each step, whose it is, and what it may call', async () => {
  const { isAccepted, text } = await inspect(await issuer.sign({ client_id: 'editor' }));

  expect(isAccepted).toBe(true);
  for (const step of ['kind', 'header', 'issuer', 'algorithm', 'key', 'signature', 'claims'])
    expect(text).toContain(`ok: ${step}\n`);
  expect(text).toContain(
    `ACCEPTED as {"issuer":"${issuer.url}","subject":"alice","clientId":"editor","scopes":["a","b"]}`,
  );
  expect(text).toContain('may call look');
  expect(text).toContain('403 for drop: lacks c');
});

test.each<[string, () => Promise<string>, string, NodeJS.ProcessEnv?]>([
  ['of another issuer', () => issuer.sign({ iss: 'https://other.example' }), 'REFUSED at issuer (issuer)'],
  ['for another audience', () => issuer.sign({ aud: 'https://other.example' }), 'at claims (audience)'],
  ['expired', () => issuer.sign({ exp: 1_000_000_000 }), 'at claims (expired)'],
  ['without a subject', () => issuer.sign({ sub: undefined }), 'at claims (sub)'],
  ['of an unknown key', () => issuer.sign({}, { kid: 'other' }), 'at key (unknown_key)'],
  ['changed', async () => (await issuer.sign()).replace(/\.[^.]+$/, `.${'A'.repeat(86)}`), 'at signature'],
  ['by another algorithm', () => issuer.sign(), 'at algorithm (algorithm)', { JWT_ALGORITHMS: 'PS256' }],
  ['no access token by its type', () => issuer.sign({}, { typ: 'logout+jwt' }), 'at header (type)'],
  ['opaque', async () => 'opaque-token', 'it is an opaque token\nREFUSED at kind (kind_not_accepted)'],
  ['an API key', async () => newApiKey('dev').key, 'REFUSED at kind (kind_not_accepted)'],
  ['cut off', async () => 'not a token', 'REFUSED at kind (malformed)'],
  ['bound to no key', () => issuer.sign(), 'dpop_token_not_bound', { DPOP: 'require' }],
  ['bound, where DPoP is off', () => issuer.sign({ cnf: { jkt: 'a' } }), 'dpop_off): it is bound to a key'],
  [
    'of an issuer that is away',
    () => issuer.sign({ iss: 'http://127.0.0.1:9' }),
    'at key (issuer_unavailable)',
    { JWT_ISSUERS: 'http://127.0.0.1:9' },
  ],
])('a token that is %s: the step that refuses it, and why', async (_what, make, expected, ...[more]) => {
  const { isAccepted, text } = await inspect(await make(), more);

  expect(isAccepted).toBe(false);
  expect(text).toContain(expected);
  expect(text).not.toContain('the audit would say');
  expect(text).not.toContain('ACCEPTED');
});

test('without a scope it is accepted, and each tool says what is missing', async () => {
  const { isAccepted, text } = await inspect(await issuer.sign({ scope: '' }));

  expect(isAccepted).toBe(true);
  expect(text).toContain('403 for look: lacks a');
});

test('a bound token needs its proof in each request', async () => {
  const token = await issuer.sign({ cnf: { jkt: 'a'.repeat(43) } });

  expect((await inspect(token, { DPOP: 'accept' })).text).toContain('Authorization: DPoP and a proof');
});

test('an opaque token is asked about, and its issuer may not know it', async () => {
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"active":false}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const { text } = await inspect('opaque-token', {
      AUTH: 'introspection',
      JWT_ISSUERS: undefined,
      INTROSPECTION_URL: url,
      INTROSPECTION_ISSUER: url,
      INTROSPECTION_CLIENT_ID: 'ours',
      INTROSPECTION_CLIENT_SECRET: 'secret',
    });
    expect(text).toContain('ok: kind\nREFUSED at answer of its issuer (inactive)');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a claim cannot write to the terminal', async () => {
  const { text } = await inspect(await issuer.sign({ iss: '\u001b[2Jhttps://evil.example' }));

  expect(text).not.toContain('\u001b');
});

test('as a command: the token comes on stdin, and the exit code tells', () => {
  const run = (input: string, given: NodeJS.ProcessEnv, ...args: string[]) =>
    spawnSync(process.execPath, [builtFile('token.js'), ...args], {
      env: { ...SETTINGS, ...given },
      input,
      encoding: 'utf8',
    });
  const jwt = { AUTH: 'jwt', JWT_ISSUERS: 'https://id.example' };

  const refused = run('opaque-token\n', jwt, 'inspect');
  expect([refused.status, refused.stderr]).toEqual([1, '']);
  expect(refused.stdout).toContain('REFUSED at kind');
  expect(run('x', { AUTH: 'jwt' }, 'inspect').status).toBe(78);
  expect(run('x', jwt, 'opaque-token').status).toBe(64);
  expect(run('x', jwt, 'opaque-token').stderr).not.toContain('opaque-token');
});
