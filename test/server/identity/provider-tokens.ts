/** The shape of the access tokens of well-known identity providers, with invented values: docs/identity-providers.md. */

export interface ProviderToken {
  readonly provider: string;
  /** `JWT_ISSUERS` and `JWT_AUDIENCE`. */
  readonly issuer: string;
  readonly audience: string;
  /** Besides `alg` and `kid`; `undefined` where the provider writes no `typ`. */
  readonly header: { readonly typ: string | undefined };
  /** Besides `iss`, `exp` and `iat`. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What the server makes of it. */
  readonly caller: {
    readonly subject: string;
    readonly clientId?: string;
    readonly scopes: readonly string[];
  };
}

const RESOURCE = 'https://mcp.example.com/mcp';
const USER = '5b1f9f4e-0f0c-4d0e-9a51-2f3c1d7e8a90';

const keycloak: ProviderToken = {
  provider: 'Keycloak',
  issuer: 'https://keycloak.example.com/realms/library',
  audience: RESOURCE,
  header: { typ: 'JWT' },
  claims: {
    jti: 'onrtac:0a6d1c7e',
    aud: [RESOURCE, 'account'],
    sub: USER,
    typ: 'Bearer',
    azp: 'editor',
    sid: 'f0d2a7b8',
    acr: '1',
    'allowed-origins': ['http://localhost'],
    realm_access: { roles: ['offline_access', 'documents:write'] },
    scope: 'profile documents:read',
    preferred_username: 'ada',
  },
  caller: { subject: USER, clientId: 'editor', scopes: ['profile', 'documents:read'] },
};

const auth0: ProviderToken = {
  provider: 'Auth0',
  issuer: 'https://library.eu.auth0.com/',
  audience: RESOURCE,
  header: { typ: 'JWT' },
  claims: {
    sub: 'auth0|65f0c0ffee',
    aud: [RESOURCE, 'https://library.eu.auth0.com/userinfo'],
    scope: 'openid documents:read offline_access',
    azp: 'sXkd82kd',
    permissions: ['documents:read', 'documents:write'],
  },
  caller: {
    subject: 'auth0|65f0c0ffee',
    clientId: 'sXkd82kd',
    scopes: ['openid', 'documents:read', 'offline_access'],
  },
};

const TENANT = '9122040d-6c67-4c5b-b112-36a304b66dad';
const API = '6e74172b-be56-4843-9ff4-e66a39bb12e3';
const entra: ProviderToken = {
  provider: 'Entra ID',
  issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
  audience: API,
  header: { typ: 'JWT' },
  claims: {
    aud: API,
    azp: '2f5a1c80-3c1d-4f0e-8b7d-6a1e9d0c4b21',
    azpacr: '0',
    name: 'Ada',
    oid: USER,
    scp: 'documents:read',
    sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
    tid: TENANT,
    uti: 'fqiBqXLPj0eQa82S',
    ver: '2.0',
  },
  caller: {
    subject: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
    clientId: '2f5a1c80-3c1d-4f0e-8b7d-6a1e9d0c4b21',
    scopes: ['documents:read'],
  },
};

const okta: ProviderToken = {
  provider: 'Okta',
  issuer: 'https://library.okta.com/oauth2/aus1a2b3c4d5e6f7g8h9',
  audience: RESOURCE,
  header: { typ: undefined },
  claims: {
    ver: 1,
    jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
    aud: RESOURCE,
    cid: '0oa1a2b3c4d5e6f7g8h9',
    uid: '00u1a2b3c4d5e6f7g8h9',
    scp: ['openid', 'documents:read'],
    sub: 'ada@example.com',
  },
  caller: { subject: 'ada@example.com', scopes: ['openid', 'documents:read'] },
};

const cognito: ProviderToken = {
  provider: 'Cognito',
  issuer: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_aBcDeFgHi',
  audience: '1example23456789',
  header: { typ: undefined },
  claims: {
    sub: USER,
    aud: '1example23456789', // added by a trigger: see the page
    client_id: '1example23456789',
    token_use: 'access',
    version: 2,
    scope: 'openid mcp/documents:read',
    username: 'ada',
    'cognito:groups': ['staff'],
  },
  caller: { subject: USER, clientId: '1example23456789', scopes: ['openid', 'mcp/documents:read'] },
};

export const PROVIDER_TOKENS: readonly ProviderToken[] = [keycloak, auth0, entra, okta, cognito];
