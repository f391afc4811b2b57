import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { jwtVerifier } from '../../../src/server/identity/jwt.js';
import type { Verifier } from '../../../src/server/identity/verifier.js';
import {
  type AuthorizationServer,
  SERVICE_CLIENT,
  startAuthorizationServer,
  USER,
} from '../../helpers/authorization-server.js';

const resource = 'https://mcp.example/mcp';
const scopes = ['documents:read', 'documents:write'];
const algorithms = ['ES256', 'EdDSA', 'PS256', 'RS256'] as const;
let authorizationServer: AuthorizationServer;
let verifier: Verifier;

const verifierFor = ({ issuer }: AuthorizationServer) =>
  jwtVerifier({ issuers: [issuer], audience: [resource], algorithms, clockToleranceS: 0 });

beforeAll(async () => {
  authorizationServer = await startAuthorizationServer({ resource, scopes });
  verifier = verifierFor(authorizationServer);
});
afterAll(() => authorizationServer.close());

test.each(algorithms)('a real %s token is proven with keys found by discovery', async (algorithm) => {
  const own = await startAuthorizationServer({ resource, scopes, algorithm });
  try {
    const caller = await verifierFor(own).verify(await own.token({ scope: 'documents:read' }));

    expect(caller).toEqual({
      tokenId: expect.any(String),
      expiresAt: expect.any(Number),
      issuer: own.issuer,
      subject: SERVICE_CLIENT,
      clientId: SERVICE_CLIENT,
      method: 'jwt',
      scopes: ['documents:read'],
    });
  } finally {
    await own.close();
  }
});

test('a real token for another resource is refused', async () => {
  const token = await authorizationServer.token({
    scope: 'documents:read',
    audience: 'https://other.example/mcp',
  });

  await expect(verifier.verify(token)).rejects.toMatchObject({
    code: 'credentials_invalid',
    detail: { reason: 'audience' },
  });
});

test('a client that registers itself gets a token for its user by code and PKCE', async () => {
  const { access_token: token = '' } = await authorizationServer.userTokens();

  await expect(verifier.verify(token)).resolves.toMatchObject({ subject: USER, scopes });
});
