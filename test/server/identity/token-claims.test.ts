/** The scopes of a token through the whole server, as an identity provider writes them. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bodiless, callTool2025, initialize, send } from '../pipeline/request.js';
import { served } from '../pipeline/server.js';
import { AUDIENCE, startIssuer, type TestIssuer } from './issuer.js';

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.close());

const withEnv = <T>(env: Readonly<Record<string, string>>, use: (port: number) => Promise<T>) =>
  served({ env: { AUTH: 'jwt', JWT_ISSUERS: issuer.url, JWT_AUDIENCE: AUDIENCE, ...env } }, ({ port }) =>
    use(port),
  );
const bearer = async (claims: Readonly<Record<string, unknown>>) => ({
  Authorization: `Bearer ${await issuer.sign({ scope: undefined, ...claims })}`,
});

/** The answers to the same call in both eras. */
async function callInBothEras(port: number, headers: Readonly<Record<string, string>>) {
  const started = await send(port, { ...initialize, headers: { ...initialize.headers, ...headers } });
  const session = { 'Mcp-Session-Id': String(started.headers['mcp-session-id']) };
  return [
    await send(port, callTool2025({ ...headers, ...session })),
    await send(port, { headers }), // 2026
  ] as const;
}

test('a program whose scopes are roles may call, where the settings say so', async () => {
  const headers = await bearer({ roles: ['records:write'] });

  const named = await withEnv({ JWT_SCOPE_CLAIMS: 'scp,roles' }, (port) => callInBothEras(port, headers));
  const unnamed = await withEnv({}, (port) => callInBothEras(port, headers));

  expect(named.result.map(({ status }) => status)).toEqual([200, 200]);
  expect(unnamed.result.map(({ status }) => status)).toEqual([403, 403]);
  expect([named.ran, unnamed.ran]).toEqual([['record', 'record'], []]);
});

test('with a prefix, scopes count with it alone, and are asked for with it', async () => {
  const env = { JWT_SCOPE_PREFIX: 'api://mcp/' };
  const good = await bearer({ scope: 'api://mcp/records:write' });
  const bare = await bearer({ scope: 'records:write' });

  const { result, ran, records } = await withEnv(env, async (port) => ({
    good: await callInBothEras(port, good),
    bare: await callInBothEras(port, bare),
    missing: await send(port, { headers: { Authorization: null } }),
    metadata: await send(port, { ...bodiless('GET'), target: '/.well-known/oauth-protected-resource' }),
  }));

  expect(result.good.map(({ status }) => status)).toEqual([200, 200]);
  expect(ran).toEqual(['record', 'record']);
  for (const { status, headers } of [...result.bare, result.missing]) {
    expect(status).toBe(headers['www-authenticate']?.includes('insufficient_scope') ? 403 : 401);
    expect(headers['www-authenticate']).toContain('scope="api://mcp/records:write"');
  }
  expect(JSON.parse(result.metadata.text)).toMatchObject({ scopes_supported: ['api://mcp/records:write'] });
  expect(records.find(({ decision }) => decision === 'allow')?.caller).toMatchObject({
    scopes: ['records:write'],
  });
});
