/** What the variables mean to each other: defaults that depend on others, and combinations that are refused. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { isLoopback } from './config-network.js';
import type { Config, Parsed } from './config-schema.js';
import type { Problem } from './config-env.js';

type Name = Exclude<keyof Config, 'settings' | 'tracing'>;
type IsGiven = (name: Name) => boolean;

export function defaultPublicUrl({ HOST, PORT, TLS_CERT_FILE }: Parsed): URL {
  const host = HOST.includes(':') ? `[${HOST}]` : HOST;
  return new URL(`${TLS_CERT_FILE ? 'https' : 'http'}://${host}:${PORT}/mcp`);
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
  readonly message: string;
  /** Judged only when these are valid by themselves. */
  readonly uses: readonly Name[];
  readonly isBroken: (config: Config, isGiven: IsGiven) => boolean;
}

function rule<K extends Name>(
  variable: Name,
  uses: readonly K[],
  isBroken: (config: Pick<Config, K>, isGiven: IsGiven) => boolean,
  message: string,
): Rule {
  return { variable, message, uses: [variable, ...uses], isBroken };
}

/** Reachable from other machines, by its address or because production says so. */
const isExposed = (config: Pick<Config, 'NODE_ENV' | 'HOST'>) =>
  config.NODE_ENV === 'production' || !isLoopback(config.HOST);

const JWT = ['ISSUERS', 'JWKS_URL', 'AUDIENCE', 'ALGORITHMS', 'CLOCK_TOLERANCE_S'] as const;

export const RULES: readonly Rule[] = [
  rule(
    'ALLOWED_HOSTS',
    ['NODE_ENV', 'HOST'],
    (config, isGiven) => isExposed(config) && !isGiven('ALLOWED_HOSTS'),
    'required in production and when HOST is not loopback: list the host[:port] that clients use',
  ),
  rule(
    'AUTH',
    ['AUTH', 'NODE_ENV', 'HOST'],
    (config) => isExposed(config) && config.AUTH.length === 0,
    'none is refused in production and when HOST is not loopback: set jwt, api-key or both',
  ),
  rule(
    'PUBLIC_URL',
    ['NODE_ENV', 'PUBLIC_URL'],
    (config) => config.NODE_ENV === 'production' && config.PUBLIC_URL.protocol !== 'https:',
    'must be https in production: set the URL that clients use',
  ),
  rule(
    'TRUSTED_PROXIES',
    ['NODE_ENV'],
    (config, isGiven) => config.NODE_ENV === 'production' && !isGiven('TRUSTED_PROXIES'),
    'required in production, or behind an ingress all callers are one address: list its CIDRs, or set none',
  ),
  rule(
    'API_KEYS_FILE',
    ['AUTH', 'NODE_ENV', 'HOST'],
    (config, isGiven) => config.AUTH.includes('api-key') && isExposed(config) && !isGiven('API_KEYS_FILE'),
    'required by api-key in production and when HOST is not loopback: make one with npm run key -- create',
  ),
  rule(
    'JWT_ISSUERS',
    ['AUTH'],
    (config, isGiven) => config.AUTH.includes('jwt') && !isGiven('JWT_ISSUERS'),
    'required by AUTH=jwt: list the issuers whose tokens are accepted',
  ),
  ...JWT.map((name) =>
    rule(
      `JWT_${name}`,
      ['AUTH'],
      (config, isGiven) => isGiven(`JWT_${name}`) && !config.AUTH.includes('jwt'),
      'has no effect without jwt in AUTH: add jwt to AUTH, or unset it',
    ),
  ),
  rule(
    'JWT_JWKS_URL',
    ['JWT_ISSUERS'],
    (config, isGiven) => isGiven('JWT_JWKS_URL') && config.JWT_ISSUERS.length > 1,
    'serves a single issuer, or one issuer could sign for another: unset it to use discovery',
  ),
  rule(
    'TLS_KEY_FILE',
    ['TLS_CERT_FILE'],
    (_config, isGiven) => isGiven('TLS_CERT_FILE') !== isGiven('TLS_KEY_FILE'),
    'goes together with TLS_CERT_FILE: set both or neither',
  ),
  rule(
    'TLS_KEY_FILE',
    ['TLS_CERT_FILE', 'TLS_KEY_FILE'],
    ({ TLS_CERT_FILE, TLS_KEY_FILE }) =>
      !!TLS_CERT_FILE && !!TLS_KEY_FILE && !isPair(TLS_CERT_FILE, TLS_KEY_FILE),
    'and TLS_CERT_FILE must be PEM and belong together',
  ),
  rule(
    'PUBLIC_URL',
    ['PUBLIC_URL', 'TLS_CERT_FILE'],
    (config) => config.TLS_CERT_FILE !== undefined && config.PUBLIC_URL.protocol !== 'https:',
    'must be https when TLS_CERT_FILE is set',
  ),
  rule(
    'ADMIN_PORT',
    ['HOST', 'PORT', 'ADMIN_HOST', 'ADMIN_PORT'],
    (config) => config.PORT !== 0 && config.PORT === config.ADMIN_PORT && config.HOST === config.ADMIN_HOST,
    'must differ from PORT: health and metrics are not for the public',
  ),
  rule(
    'TOOL_TIMEOUT_MS',
    ['TOOL_TIMEOUT_MS', 'SHUTDOWN_GRACE_MS'],
    (config) => config.TOOL_TIMEOUT_MS > config.SHUTDOWN_GRACE_MS,
    'may not exceed SHUTDOWN_GRACE_MS, or a deployment would cut calls off: lower it or raise the grace',
  ),
  ...(['REDIS_URL', 'STATE_KEYS'] as const).map((name) =>
    rule(
      name,
      ['REPLICAS'],
      (config, isGiven) => config.REPLICAS > 1 && !isGiven(name),
      'required when REPLICAS > 1: the replicas must share their state',
    ),
  ),
  rule(
    'LEGACY_SSE',
    ['LEGACY_SSE', 'REPLICAS'],
    (config) => config.LEGACY_SSE && config.REPLICAS > 1,
    'is refused when REPLICAS > 1: its streams live in one process',
  ),
  rule(
    'PUBLIC_URL',
    ['LEGACY_SSE', 'PUBLIC_URL'],
    (config) => config.LEGACY_SSE && ['/sse', '/messages'].includes(config.PUBLIC_URL.pathname),
    'must have a path other than /sse and /messages when LEGACY_SSE is set',
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

/** Every broken rule whose variables are valid by themselves. */
export function brokenRules(config: Config, isGiven: IsGiven, isInvalid: IsGiven): readonly Problem[] {
  return RULES.filter(({ uses }) => !uses.some(isInvalid))
    .filter(({ isBroken }) => isBroken(config, isGiven))
    .map(({ variable, message }) => ({ variable, message }));
}
