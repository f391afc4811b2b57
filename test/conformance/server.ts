/** Our server with the suite's fixtures, as it runs behind an ingress: every layer on, API keys and JWTs accepted. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/server/config/index.js';
import { createLogger } from '../../src/server/observe/logger.js';
import { tasks } from '../../src/server/mcp/extensions/tasks/index.js';
import { newApiKey } from '../../src/server/identity/api-key-format.js';
import { openServer } from '../../src/server/start.js';
import { startAuthorizationServer } from '../helpers/authorization-server.js';
import { SCOPES } from './fixtures/content.js';
import { definitions } from './fixtures/index.js';

const PLENTY = '100000/60s'; // the suite sends in seconds what a caller sends in hours

export interface FixtureServer {
  /** One for each replica. */
  readonly urls: readonly URL[];
  readonly apiKey: string;
  readonly jwt: string;
  close(): Promise<void>;
}

/**
 * @param origin as clients see the server: its own `Host` and the only allowed `Origin`
 * @param redisUrl three replicas share it; without one there is one process
 */
export async function startFixtureServer(
  origin: string,
  folder: string,
  redisUrl?: string,
): Promise<FixtureServer> {
  const resource = `${origin}/mcp`;
  const authorization = await startAuthorizationServer({ resource, scopes: SCOPES });
  const keysFile = join(folder, 'keys.json');
  const { id, key, hash } = newApiKey('dev');
  const entry = {
    id,
    name: 'suite',
    scopes: SCOPES,
    createdAt: new Date().toISOString(),
    secrets: [{ hash }],
  };
  await writeFile(keysFile, JSON.stringify({ version: 1, keys: [entry] }), { mode: 0o600 });
  const replicas = redisUrl === undefined ? 1 : 3;
  const config = loadConfig({
    PORT: '0',
    ADMIN_PORT: '0',
    LOG_LEVEL: 'warn',
    PUBLIC_URL: resource,
    ALLOWED_ORIGINS: origin,
    AUTH: 'jwt,api-key',
    API_KEYS_FILE: keysFile,
    JWT_ISSUERS: authorization.issuer,
    RATE_LIMIT_IP: PLENTY,
    RATE_LIMIT_CALLER: PLENTY,
    RATE_LIMIT_AUTH_FAILURES: PLENTY,
    AUDIT_SINKS: `file:${join(folder, 'audit.log')}`,
    REPLICAS: String(replicas),
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl, STATE_KEYS: randomBytes(32).toString('base64url') }),
  });
  const open = () =>
    openServer({ config, extensions: [tasks], definitions, logger: createLogger(config.LOG_LEVEL) });
  const servers = await Promise.all(Array.from({ length: replicas }, open));
  return {
    urls: servers.map(({ url }) => url),
    apiKey: key,
    jwt: await authorization.token({ scope: SCOPES.join(' ') }),
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
      await authorization.close();
    },
  };
}
