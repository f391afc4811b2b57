/** Rules between variables: defaults that depend on others, and combinations that are refused. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { isLoopback, SSE_PATHS } from '../exact-names.js';
import { asWritten, type PublicUrl } from './network.js';
import type { Config, Parsed } from './schema.js';
import type { Problem } from './environment.js';

type Name = Exclude<keyof Config, 'settings' | 'tracing' | 'memory'>;
type IsGiven = (name: Name) => boolean;

export function defaultPublicUrl({ HOST, PORT, TLS_CERT_FILE }: Parsed): PublicUrl {
  const host = HOST.includes(':') ? `[${HOST}]` : HOST;
  return asWritten(`${TLS_CERT_FILE ? 'https' : 'http'}://${host}:${PORT}/mcp`);
}

/** Clients and authorization servers add or drop the slash of a URL without a path. */
export function defaultAudience({ written, pathname, origin }: PublicUrl): readonly string[] {
  return pathname === '/' ? [...new Set([written, origin, `${origin}/`])] : [written];
}

/** `URL.host` leaves out the scheme's default port, as clients do in `Host`. */
export function defaultHosts(config: Parsed & { readonly PUBLIC_URL: URL }): readonly string[] {
  const local = defaultPublicUrl(config);
  const names = isLoopback(config.HOST) ? ['localhost', '127.0.0.1', '[::1]'] : [];
  const hosts = names.map((name) => new URL(`${local.protocol}//${name}:${config.PORT}`).host);
  return [...new Set([config.PUBLIC_URL.host, ...hosts])];
}

interface Rule {
  readonly variable: Name;
  /** Every variable that `isBroken` reads. */
  readonly names: readonly Name[];
  readonly message: string;
  readonly isBroken: (config: Config, isGiven: IsGiven) => boolean;
}

/** @param names the variable to report, then the others that `isBroken` reads; its type hides all that are not listed */
function rule<const N extends Name>(
  names: readonly [variable: N, ...others: readonly N[]],
  message: string,
  isBroken: (config: Pick<Config, N | 'memory'>, isGiven: (name: N) => boolean) => boolean,
): Rule {
  return { variable: names[0], names, message, isBroken };
}

/** Whether other machines can reach the server: by its address, or always in production. */
const isExposed = ({ NODE_ENV, HOST }: Pick<Config, 'NODE_ENV' | 'HOST'>) =>
  NODE_ENV === 'production' || !isLoopback(HOST);

const takesTokens = ({ AUTH }: Pick<Config, 'AUTH'>) =>
  AUTH.includes('jwt') || AUTH.includes('introspection');

const ONLY_JWT = ['JWT_ISSUERS', 'JWT_JWKS_URL', 'JWT_ALGORITHMS'] as const;
/** What is asked of a token alike, whether its claims are signed or come from the issuer by introspection. */
const ONLY_TOKENS = [
  'JWT_AUDIENCE',
  'JWT_CLOCK_TOLERANCE_S',
  'JWT_SCOPE_CLAIMS',
  'JWT_SCOPE_PREFIX',
  'CHALLENGE_SCOPES',
] as const;
const INTROSPECTION = [
  'INTROSPECTION_URL',
  'INTROSPECTION_ISSUER',
  'INTROSPECTION_CLIENT_ID',
  'INTROSPECTION_CLIENT_SECRET',
] as const;

export const RULES: readonly Rule[] = [
  rule(
    ['ALLOWED_HOSTS', 'NODE_ENV', 'HOST'],
    'required in production or when HOST is not loopback: list the host[:port] that clients use',
    (config, isGiven) => isExposed(config) && !isGiven('ALLOWED_HOSTS'),
  ),
  rule(
    ['AUTH', 'NODE_ENV', 'HOST'],
    'must not be none in production or when HOST is not loopback: set jwt, introspection or api-key',
    (config) => isExposed(config) && config.AUTH.length === 0,
  ),
  rule(
    ['PUBLIC_URL', 'NODE_ENV'],
    'must be https in production: set the URL that clients use',
    (config) => config.NODE_ENV === 'production' && config.PUBLIC_URL.protocol !== 'https:',
  ),
  rule(
    ['TRUSTED_PROXIES', 'NODE_ENV'],
    'required in production, or all callers behind a proxy count as one address: list the CIDRs of your proxies, or none',
    (config, isGiven) => config.NODE_ENV === 'production' && !isGiven('TRUSTED_PROXIES'),
  ),
  rule(
    ['API_KEYS_FILE', 'AUTH', 'NODE_ENV', 'HOST'],
    'required by AUTH=api-key in production or when HOST is not loopback: make one with npm run key -- create, or node dist/key.js create',
    (config, isGiven) => config.AUTH.includes('api-key') && isExposed(config) && !isGiven('API_KEYS_FILE'),
  ),
  rule(
    ['JWT_ISSUERS', 'AUTH'],
    'required by AUTH=jwt: list the issuers whose tokens are accepted',
    (config, isGiven) => config.AUTH.includes('jwt') && !isGiven('JWT_ISSUERS'),
  ),
  ...ONLY_JWT.map((name) =>
    rule(
      [name, 'AUTH'],
      'has no effect without jwt in AUTH: add jwt to AUTH, or unset it',
      (config, isGiven) => isGiven(name) && !config.AUTH.includes('jwt'),
    ),
  ),
  ...ONLY_TOKENS.map((name) =>
    rule(
      [name, 'AUTH'],
      'has no effect without jwt or introspection in AUTH: add one of them to AUTH, or unset it',
      (config, isGiven) => isGiven(name) && !takesTokens(config),
    ),
  ),
  ...INTROSPECTION.map((name) =>
    rule(
      [name, 'AUTH'],
      'is needed by introspection in AUTH, and has no effect without it: set all four INTROSPECTION_… or none',
      (config, isGiven) => isGiven(name) !== config.AUTH.includes('introspection'),
    ),
  ),
  rule(
    ['DPOP', 'AUTH'],
    'has no effect without jwt or introspection in AUTH: add one of them to AUTH, or set DPOP=off',
    (config) => config.DPOP !== 'off' && !takesTokens(config),
  ),
  rule(
    ['DENYLIST_FILE', 'AUTH'],
    'has no effect with AUTH=none: set jwt, introspection or api-key, or unset it',
    (config, isGiven) => isGiven('DENYLIST_FILE') && config.AUTH.length === 0,
  ),
  rule(
    ['JWT_JWKS_URL', 'JWT_ISSUERS'],
    'allows a single issuer, or one issuer could sign for another: unset it to use discovery',
    (config, isGiven) => isGiven('JWT_JWKS_URL') && config.JWT_ISSUERS.length > 1,
  ),
  rule(
    ['TLS_KEY_FILE', 'TLS_CERT_FILE'],
    'needs TLS_CERT_FILE and is needed by it: set both or neither',
    (_config, isGiven) => isGiven('TLS_CERT_FILE') !== isGiven('TLS_KEY_FILE'),
  ),
  rule(
    ['TLS_KEY_FILE', 'TLS_CERT_FILE'],
    'and TLS_CERT_FILE must be PEM and belong together',
    ({ TLS_CERT_FILE, TLS_KEY_FILE }) =>
      !!TLS_CERT_FILE && !!TLS_KEY_FILE && !isPair(TLS_CERT_FILE, TLS_KEY_FILE),
  ),
  rule(
    ['AUDIT_CHECKPOINT_SINK', 'AUDIT_SIGNING_KEY_FILE'],
    'needs AUDIT_SIGNING_KEY_FILE and is needed by it: set both or neither',
    (_config, isGiven) => isGiven('AUDIT_CHECKPOINT_SINK') !== isGiven('AUDIT_SIGNING_KEY_FILE'),
  ),
  rule(
    ['PUBLIC_URL', 'TLS_CERT_FILE'],
    'must be https when TLS_CERT_FILE is set',
    (config) => config.TLS_CERT_FILE !== undefined && config.PUBLIC_URL.protocol !== 'https:',
  ),
  rule(
    ['ADMIN_PORT', 'PORT', 'HOST', 'ADMIN_HOST'],
    'must differ from PORT, or health and metrics would be public',
    (config) => config.PORT !== 0 && config.PORT === config.ADMIN_PORT && config.HOST === config.ADMIN_HOST,
  ),
  rule(
    ['TOOL_TIMEOUT_MS', 'SHUTDOWN_GRACE_MS'],
    'must not exceed SHUTDOWN_GRACE_MS, or a rollout would cut calls off: lower it, or raise SHUTDOWN_GRACE_MS',
    (config) => config.TOOL_TIMEOUT_MS > config.SHUTDOWN_GRACE_MS,
  ),
  rule(
    ['MAX_RESULT_BYTES'],
    'must not exceed a sixteenth of the heap, or an answer of that size could never be sent: lower it, or raise ' +
      '--max-old-space-size in NODE_OPTIONS',
    (config) => config.MAX_RESULT_BYTES > config.memory.unsent.perCaller,
  ),
  ...(['REDIS_URL', 'STATE_KEYS'] as const).map((name) =>
    rule(
      [name, 'REPLICAS'],
      'required when REPLICAS > 1: all replicas must share their state',
      (config, isGiven) => config.REPLICAS > 1 && !isGiven(name),
    ),
  ),
  rule(
    ['REDIS_URL', 'REDIS_MODE'],
    'must be one URL when REDIS_MODE is single: set REDIS_MODE to cluster or sentinel for a list',
    (config) => config.REDIS_MODE === 'single' && config.REDIS_URL?.includes(',') === true,
  ),
  rule(
    ['REDIS_MODE', 'REDIS_URL'],
    'has no effect without REDIS_URL: set it, or unset REDIS_MODE',
    (config) => config.REDIS_MODE !== 'single' && config.REDIS_URL === undefined,
  ),
  rule(
    ['REDIS_SENTINEL_NAME', 'REDIS_MODE'],
    'must be set when REDIS_MODE is sentinel, and only then',
    (config) => (config.REDIS_MODE === 'sentinel') !== (config.REDIS_SENTINEL_NAME !== undefined),
  ),
  rule(
    ['LEGACY_SSE', 'REPLICAS'],
    'must be off when REPLICAS > 1: an HTTP+SSE session lives in one process',
    (config) => config.LEGACY_SSE && config.REPLICAS > 1,
  ),
  rule(
    ['PUBLIC_URL', 'LEGACY_SSE'],
    'must have a path other than /sse and /messages when LEGACY_SSE is set',
    (config) => config.LEGACY_SSE && Object.values(SSE_PATHS).includes(config.PUBLIC_URL.pathname),
  ),
];

function isPair(certFile: string, keyFile: string): boolean {
  try {
    createSecureContext({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
    return true;
  } catch {
    return false;
  }
}

/** The broken rules, except those that read an invalid variable: it has only its default in `config`. */
export function brokenRules(
  rules: readonly Rule[],
  config: Config,
  isGiven: IsGiven,
  isInvalid: IsGiven,
): readonly Problem[] {
  return rules
    .filter(({ names, isBroken }) => !names.some(isInvalid) && isBroken(config, isGiven))
    .map(({ variable, message }) => ({ variable, message }));
}
