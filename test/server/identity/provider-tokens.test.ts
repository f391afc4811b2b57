/** The tokens of well-known identity providers, with the settings of the page, before the real verifier. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/server/config/index.js';
import { introspectionVerifier } from '../../../src/server/identity/introspection.js';
import { jwtVerifier } from '../../../src/server/identity/jwt.js';
import { blocks, read } from '../../helpers/pages.js';
import { startIssuer, type TestIssuer } from './issuer.js';

/** The shape of an access token, with invented values. */
interface Token {
  readonly of: string;
  /** Besides `alg` and `kid`; absent in what an introspection endpoint answers. */
  readonly header?: { readonly typ?: string };
  /** Besides `exp`. */
  readonly claims: Readonly<Record<string, unknown>> & { readonly iss: string };
  /** What the server makes of it. */
  readonly caller: Readonly<Record<string, unknown>>;
}
interface Fixture {
  readonly provider: string;
  readonly tokens: readonly Token[];
  /** To introspection. */
  readonly answers?: readonly Token[];
}

const FOLDER = 'test/server/identity/fixtures';
const fixtures = readdirSync(FOLDER).map((file) => JSON.parse(read(`${FOLDER}/${file}`)) as Fixture);

let keys: TestIssuer;
beforeAll(async () => {
  keys = await startIssuer();
  await keys.rotate('provider', 'RS256'); // what all of them sign with
});
afterAll(() => keys.close());

const sectionOf = (provider: string) =>
  (read('docs/identity-providers.md').split(`\n## ${provider}\n`)[1] ?? '').split('\n## ')[0] ?? '';

/** The configurations that the page shows for a provider. */
const settingsOf = (provider: string) =>
  blocks(sectionOf(provider)).map(({ text }) => {
    const variables = text.split('\n').map((line) => /^([A-Z_]+)=(.+)$/.exec(line)?.slice(1) ?? []);
    const given = { PUBLIC_URL: 'https://mcp.example.com/mcp', ...Object.fromEntries(variables) };
    if (!('INTROSPECTION_CLIENT_SECRET_FILE' in given)) return loadConfig(given);
    return loadConfig({
      ...given,
      INTROSPECTION_CLIENT_SECRET_FILE: undefined,
      INTROSPECTION_CLIENT_SECRET: 's',
    });
  });

async function verify(
  { provider }: Fixture,
  { claims, header }: Token,
  changed: Readonly<Record<string, unknown>> = {},
) {
  const { iss: issuer } = claims;
  const config = settingsOf(provider).find(({ JWT_ISSUERS, INTROSPECTION_ISSUER }) =>
    header ? JWT_ISSUERS.includes(issuer) : INTROSPECTION_ISSUER === issuer,
  );
  if (!config) throw new Error(`the page has no settings for ${issuer}`);
  const required = {
    audience: config.JWT_AUDIENCE,
    clockToleranceS: config.JWT_CLOCK_TOLERANCE_S,
    scopes: { claims: config.JWT_SCOPE_CLAIMS, prefix: config.JWT_SCOPE_PREFIX },
  };
  const given = { scope: undefined, ...claims, ...changed };
  const exp = Math.floor(Date.now() / 1000) + 300;
  const verifier = header
    ? jwtVerifier({
        ...required,
        issuers: config.JWT_ISSUERS,
        jwksUrl: new URL(`${keys.url}/keys`), // instead of the provider's
        algorithms: config.JWT_ALGORITHMS,
      })
    : introspectionVerifier({ ...required, issuer, ask: async () => ({ exp, ...given }) });
  try {
    return await verifier.verify(header ? await keys.sign(given, { typ: undefined, ...header }) : 'opaque');
  } finally {
    verifier.close();
  }
}

const refusal = (reason: string) => ({ code: 'credentials_invalid', detail: { reason } });
const all = fixtures.flatMap((fixture) =>
  [...fixture.tokens, ...(fixture.answers ?? [])].map((token) => {
    const kind = token.header ? 'a token' : 'an opaque token';
    return [`${kind} of ${fixture.provider}, of ${token.of}`, fixture, token] as const;
  }),
);

describe.each(all)('%s', (_name, fixture, token) => {
  test('says who is calling, by which client and with which scopes', async () => {
    const { iss: issuer } = token.claims;
    expect(await verify(fixture, token)).toMatchObject({
      issuer,
      method: token.header ? 'jwt' : 'introspection',
      ...token.caller,
    });
  });

  test('for another API of the same provider is refused', async () => {
    const changed = { aud: 'https://other.example.com' };
    await expect(verify(fixture, token, changed)).rejects.toMatchObject(refusal('audience'));
  });

  test('of another tenant is refused', async () => {
    const changed = { iss: 'https://other.example.com/' };
    await expect(verify(fixture, token, changed)).rejects.toMatchObject(refusal('issuer'));
  });
});

test.each(fixtures.map((one) => [one.provider, one] as const))(
  '%s: the page has settings, and the fixtures have users and programs',
  (provider, { tokens }) => {
    expect(settingsOf(provider).length).toBeGreaterThan(0);
    for (const who of [/^a user/, /^a program/]) expect(tokens.some(({ of }) => who.test(of))).toBe(true);
  },
);

describe('what a provider leaves out or adds is refused or ignored, and not guessed', () => {
  const find = (provider: string, of = 'a user'): readonly [Fixture, Token] => {
    const fixture = fixtures.find((one) => one.provider === provider) as Fixture;
    return [fixture, fixture.tokens.find((one) => one.of.startsWith(of)) as Token];
  };

  test.each([
    ['Cognito: no audience without `resource` or the trigger', 'Cognito', { aud: undefined }, 'audience'],
    ['Keycloak: an audience that is only its account page', 'Keycloak', { aud: 'account' }, 'audience'],
    [
      'Auth0: an issuer without its last slash',
      'Auth0',
      { iss: 'https://TENANT.REGION.auth0.com' },
      'issuer',
    ],
    ['Ping: a program without `sub`', 'Ping', { sub: undefined }, 'sub'],
  ])('%s', async (_name, provider, changed, reason) => {
    await expect(verify(...find(provider), changed)).rejects.toMatchObject(refusal(reason));
  });

  test('Keycloak, Auth0 and ZITADEL: roles and permissions that the settings do not name are no scopes', async () => {
    for (const provider of ['Keycloak', 'Auth0', 'ZITADEL'])
      expect((await verify(...find(provider))).scopes).not.toContain('documents:write');
  });

  test('Cognito: scopes of another resource server, and those without one, do not count', async () => {
    const { scopes } = await verify(...find('Cognito', 'a user, with'));
    expect(scopes).toEqual(['documents:read']);
  });

  test('Okta: a token of the org authorization server has a type of its own', async () => {
    const [fixture, token] = find('Okta');
    const own = { ...token, header: { typ: 'application/okta-internal-at+jwt' } };
    await expect(verify(fixture, own)).rejects.toMatchObject(refusal('type'));
  });
});

test('Google and GitHub stand on the page as what they are: no issuers of tokens for you', () => {
  expect(sectionOf('Google, GitHub')).toContain('authorization server between');
  expect(settingsOf('Google, GitHub')).toEqual([]);
});
