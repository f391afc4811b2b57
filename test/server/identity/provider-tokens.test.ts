/** The tokens of well-known identity providers, signed with a key of the test, before the real verifier. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { jwtVerifier } from '../../../src/server/identity/jwt.js';
import { read } from '../../helpers/pages.js';
import { startIssuer, type TestIssuer } from './issuer.js';
import { PROVIDER_TOKENS, type ProviderToken } from './provider-tokens.js';

let keys: TestIssuer;
beforeAll(async () => {
  keys = await startIssuer();
  await keys.rotate('provider', 'RS256'); // what all of them sign with
});
afterAll(() => keys.close());

async function verify(token: ProviderToken, changed: Readonly<Record<string, unknown>> = {}) {
  const verifier = jwtVerifier({
    issuers: [token.issuer],
    jwksUrl: new URL(`${keys.url}/keys`),
    audience: [token.audience],
    algorithms: ['RS256'],
    clockToleranceS: 5,
  });
  const claims = { iss: token.issuer, scope: undefined, ...token.claims, ...changed };
  try {
    return await verifier.verify(await keys.sign(claims, token.header));
  } finally {
    verifier.close();
  }
}

const named = PROVIDER_TOKENS.map((token) => [token.provider, token] as const);
const refusal = (reason: string) => ({
  code: 'credentials_invalid',
  detail: { reason },
});

describe.each(named)('a token of %s', (_provider, token) => {
  test('says who is calling, by which client and with which scopes', async () => {
    expect(await verify(token)).toEqual({ issuer: token.issuer, method: 'jwt', ...token.caller });
  });

  test('for another API of the same provider is refused', async () => {
    await expect(verify(token, { aud: 'https://other.example.com' })).rejects.toMatchObject(
      refusal('audience'),
    );
  });

  test('of another tenant is refused', async () => {
    await expect(verify(token, { iss: 'https://other.example.com/' })).rejects.toMatchObject(
      refusal('issuer'),
    );
  });

  test('has its section in the page', () => {
    const [, section = ''] = read('docs/identity-providers.md').split(`\n## ${token.provider}\n`);
    const own = section.split('\n## ')[0] ?? '';

    expect(own).toContain('- `JWT_ISSUERS`:');
    expect(own).toContain('- `JWT_AUDIENCE`:');
    expect(own).toContain('It cannot');
  });
});

describe('what a provider leaves out by default is refused, and not guessed', () => {
  const of = (name: string) => PROVIDER_TOKENS.find(({ provider }) => provider === name) as ProviderToken;

  test('Cognito: no audience', async () => {
    await expect(verify(of('Cognito'), { aud: undefined })).rejects.toMatchObject(refusal('audience'));
  });

  test('Keycloak: an audience that is only its own account page', async () => {
    await expect(verify(of('Keycloak'), { aud: 'account' })).rejects.toMatchObject(refusal('audience'));
  });

  test('Auth0: an issuer without its last slash is another issuer', async () => {
    const { issuer } = of('Auth0');
    await expect(verify(of('Auth0'), { iss: issuer.slice(0, -1) })).rejects.toMatchObject(refusal('issuer'));
  });

  test('Entra ID: a token of a program has roles and no scopes', async () => {
    const caller = await verify(of('Entra ID'), { scp: undefined, roles: ['documents:read'] });
    expect(caller.scopes).toEqual([]);
  });

  test('Keycloak and Auth0: roles and permissions are no scopes', async () => {
    for (const name of ['Keycloak', 'Auth0'])
      expect((await verify(of(name))).scopes).not.toContain('documents:write');
  });

  test('Okta: a token of the org authorization server has a type of its own', async () => {
    const token = { ...of('Okta'), header: { typ: 'application/okta-internal-at+jwt' } };
    await expect(verify(token)).rejects.toMatchObject(refusal('type'));
  });
});
