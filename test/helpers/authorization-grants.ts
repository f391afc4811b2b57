/** The grants by which an assertion, and no browser, gets a token. */
import type { KeyObject } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { CustomGrant } from './authorization-server.js';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ID_JAG_LIFETIME_S = 60;

const keysOf = (issuer: string) => createRemoteJWKSet(new URL(`${issuer}/jwks`));

/** What a client signs of a user, with this key, becomes an access token of that user (RFC 8693). */
export const statementExchange = (key: KeyObject): CustomGrant => ({
  type: TOKEN_EXCHANGE,
  parameters: ['subject_token', 'subject_token_type', 'scope', 'resource'],
  async answer({ provider, clientId, params, accessToken }) {
    const { subject_token: statement = '', resource = '', scope = '' } = params;
    const { payload } = await jwtVerify(statement, key, {
      issuer: clientId,
      audience: `${provider.issuer}/token`,
      requiredClaims: ['sub', 'exp', 'jti'],
    });
    return {
      ...(await accessToken({ subject: payload.sub ?? '', scope, resource })),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    };
  },
});

/** At a company's identity provider: an ID token becomes an ID-JAG, with those scopes that the company allows. */
export const assertionExchange = (allowed: readonly string[]): CustomGrant => ({
  type: TOKEN_EXCHANGE,
  parameters: [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
  ],
  async answer({ provider: { issuer }, clientId, params, sign }) {
    const { subject_token: idToken = '', audience = '', resource = '', scope = '' } = params;
    const { payload } = await jwtVerify(idToken, keysOf(issuer), { issuer, audience: clientId });
    const granted = scope.split(' ').filter((one) => allowed.includes(one));
    const nowS = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: payload.sub ?? '',
      aud: audience,
      resource,
      client_id: clientId,
      scope: granted.join(' '),
      jti: crypto.randomUUID(),
      iat: nowS,
      exp: nowS + ID_JAG_LIFETIME_S,
    };
    return {
      access_token: await sign(claims, 'oauth-id-jag+jwt'),
      issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
      token_type: 'N_A',
      expires_in: ID_JAG_LIFETIME_S,
      scope: claims.scope,
    };
  },
});

/** At the authorization server of an MCP server: an ID-JAG of this identity provider becomes an access token (RFC 7523). */
export const assertionGrant = (identityProvider: string): CustomGrant => ({
  type: JWT_BEARER,
  parameters: ['assertion', 'scope', 'resource'],
  async answer({ provider, clientId, params, accessToken }) {
    const { payload } = await jwtVerify(params['assertion'] ?? '', keysOf(identityProvider), {
      typ: 'oauth-id-jag+jwt',
      issuer: identityProvider,
      audience: [provider.issuer, `${provider.issuer}/`], // clients write it as a URL
      requiredClaims: ['sub', 'exp', 'jti'],
    });
    if (payload['client_id'] !== clientId) throw new Error('the assertion is for another client');
    const [scope, resource] = [String(payload['scope']), String(payload['resource'])];
    return accessToken({ subject: payload.sub ?? '', scope, resource });
  },
});
