/** The verifiers of the credentials that the configuration accepts. */
import { type Config, ConfigError } from './config/index.js';
import { apiKeyVerifier } from './identity/api-key.js';
import { developmentKey } from './identity/api-key-entry.js';
import { openDenylist } from './identity/denylist.js';
import { introspectionVerifier } from './identity/introspection.js';
import { type Ask, introspectionEndpoint } from './identity/introspection-endpoint.js';
import { jwtVerifier } from './identity/jwt.js';
import type { IdentityLog, Verifier } from './identity/verifier.js';

/**
 * @param scopes what a development key holds
 * @throws {ConfigError} when the key file, the denylist or the key of the client cannot be used
 */
export async function openVerifiers(config: Config, scopes: readonly string[], logger: IdentityLog) {
  const { AUTH } = config;
  const keys = AUTH.includes('api-key') ? await openKeys(config, scopes, logger) : undefined;
  const verifiers = [
    ...(keys ? [keys.verifier] : []),
    ...(AUTH.includes('jwt') ? [openJwt(config, logger)] : []),
    ...(AUTH.includes('introspection') ? [await openIntrospection(config, logger)] : []),
  ];
  const denylist = await openDenied(config, logger);
  return {
    verifiers: verifiers.map((verifier) => denylist?.guard(verifier) ?? verifier),
    /** Who is withdrawn now, by each source that can tell. */
    withdrawals: [denylist?.current, ...verifiers.map(({ withdrawn }) => withdrawn)].filter(
      (one) => one !== undefined,
    ),
    developmentKey: keys?.developmentKey,
  };
}

/** The configuration allows a missing file only for a development server on loopback. */
async function openKeys({ API_KEYS_FILE }: Config, scopes: readonly string[], logger: IdentityLog) {
  if (API_KEYS_FILE !== undefined) {
    const verifier = await apiKeyVerifier({ file: API_KEYS_FILE, logger }).catch((error: Error) => {
      const fix = 'repair it, or make one with npm run key -- create, or node dist/key.js create';
      throw new ConfigError([
        { variable: 'API_KEYS_FILE', message: `${API_KEYS_FILE}: ${error.message}: ${fix}` },
      ]);
    });
    return { verifier, developmentKey: undefined };
  }
  const { key, entry } = developmentKey(scopes);
  return { verifier: await apiKeyVerifier({ entries: [entry], logger }), developmentKey: key };
}

async function openDenied({ DENYLIST_FILE: file }: Config, logger: IdentityLog) {
  if (file === undefined) return undefined;
  return openDenylist(file, logger).catch((error: Error) => {
    throw new ConfigError([
      { variable: 'DENYLIST_FILE', message: `${file}: ${error.message}: repair it, or unset DENYLIST_FILE` },
    ]);
  });
}

function openJwt(config: Config, logger: IdentityLog): Verifier {
  return jwtVerifier({
    ...requiredOfTokens(config),
    issuers: config.JWT_ISSUERS,
    ...(config.JWT_JWKS_URL && { jwksUrl: config.JWT_JWKS_URL }),
    algorithms: config.JWT_ALGORITHMS,
    logger,
  });
}

async function openIntrospection(config: Config, logger: IdentityLog): Promise<Verifier> {
  const { INTROSPECTION_ISSUER: issuer = '' } = config;
  const ask = await openEndpoint(config);
  return introspectionVerifier({ ...requiredOfTokens(config), ask, issuer, logger });
}

/** Where opaque tokens are asked about. @throws {ConfigError} when the key of the client cannot be used */
export async function openEndpoint(config: Config): Promise<Ask> {
  const { INTROSPECTION_URL: url, INTROSPECTION_ISSUER: issuer } = config;
  const { INTROSPECTION_CLIENT_ID: clientId, INTROSPECTION_CLIENT_SECRET: clientSecret } = config;
  if (!url || !issuer || !clientId || !clientSecret)
    throw new TypeError('introspection needs all four variables');
  return introspectionEndpoint({ url, issuer, clientId, clientSecret }).catch((error: Error) => {
    throw new ConfigError([{ variable: 'INTROSPECTION_CLIENT_SECRET', message: error.message }]);
  });
}

/** Of a JWT as of an opaque token. */
function requiredOfTokens(config: Config) {
  return {
    audience: config.JWT_AUDIENCE,
    clockToleranceS: config.JWT_CLOCK_TOLERANCE_S,
    scopes: { claims: config.JWT_SCOPE_CLAIMS, prefix: config.JWT_SCOPE_PREFIX },
  };
}
