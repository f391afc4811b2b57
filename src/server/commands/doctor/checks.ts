/** Every check, and the variables that it needs to be valid. */
import type { Config } from '../../config/index.js';
import type { ServerDefinition } from '../../mcp/server-definition.js';
import { withProgress } from '../progress.js';
import { checkHost, checkOrigins, checkProxies } from './addresses.js';
import { checkDefinitions } from './definitions.js';
import { checkAudit, checkCertificates, checkDenylist, checkKeyFile } from './files.js';
import { type Check, type Finding, findingsOf } from './finding.js';
import { checkIntrospection } from './introspection.js';
import { checkIssuers } from './issuers.js';
import { checkPorts, checkServices } from './opened.js';
import { checkTemplate } from './template.js';

/** Loads the Redis client only when REDIS_URL is set. */
const checkRedis: Check = async (config, now) =>
  config.REDIS_URL === undefined ? [] : (await import('./redis.js')).checkRedis(config, now);

type Trial = readonly [name: string, check: Check, uses: readonly (keyof Config)[]];

const TRIALS: readonly Trial[] = [
  ['ports', checkPorts, ['HOST', 'PORT', 'ADMIN_HOST', 'ADMIN_PORT']],
  ['host', checkHost, ['PUBLIC_URL', 'ALLOWED_HOSTS']],
  ['origins', checkOrigins, ['PUBLIC_URL', 'ALLOWED_ORIGINS']],
  ['proxies', checkProxies, ['PUBLIC_URL', 'TLS_CERT_FILE', 'TRUSTED_PROXIES']],
  ['API keys', checkKeyFile, ['AUTH', 'API_KEYS_FILE']],
  ['denylist', checkDenylist, ['DENYLIST_FILE']],
  ['certificates', checkCertificates, ['TLS_CERT_FILE', 'TLS_KEY_FILE', 'REDIS_CA_FILE', 'PUBLIC_URL']],
  ['audit', checkAudit, ['AUDIT_SINKS', 'AUDIT_CHECKPOINT_SINK']],
  [
    'issuers',
    checkIssuers,
    ['AUTH', 'JWT_ISSUERS', 'JWT_JWKS_URL', 'JWT_ALGORITHMS', 'JWT_CLOCK_TOLERANCE_S'],
  ],
  [
    'introspection',
    checkIntrospection,
    [
      'AUTH',
      'INTROSPECTION_URL',
      'INTROSPECTION_ISSUER',
      'INTROSPECTION_CLIENT_ID',
      'INTROSPECTION_CLIENT_SECRET',
    ],
  ],
  ['Redis', checkRedis, ['REDIS_URL', 'REDIS_MODE', 'REDIS_SENTINEL_NAME', 'REDIS_CA_FILE', 'REPLICAS']],
  ['template', () => checkTemplate(), []],
];

/** Runs the checks at once: some wait for the network. A check with an invalid variable is skipped: that is reported. */
export async function tryAll(
  config: Config,
  atFault: ReadonlySet<string>,
  definition: Partial<ServerDefinition> = {},
): Promise<readonly Finding[]> {
  const now = new Date();
  const yours: readonly Trial[] = [
    ['definitions', () => checkDefinitions(definition), []],
    ['services', checkServices(definition.openServices), ['settings']],
  ];
  const tried = [...TRIALS, ...yours].filter(([, , uses]) => !uses.some((name) => atFault.has(name)));
  const found = tried.map(async ([name, check]) => {
    try {
      return await check(config, now);
    } catch (error) {
      return findingsOf(name).problem((error as Error).message, 'correct what the message names');
    }
  });
  return (await withProgress('Trying what the configuration names', Promise.all(found))).flat();
}
