/** Our server with the suite's fixtures, as it runs behind an ingress: every layer on, API keys and JWTs accepted. */
import { join } from 'node:path';
import { loadConfig } from '../../src/server/config/index.js';
import { createLogger } from '../../src/server/observe/logger.js';
import { openServer } from '../../src/server/start.js';
import { startAuthorizationServer } from '../helpers/authorization-server.js';
import { SCOPES } from './fixtures/content.js';
import { definitions } from './fixtures/index.js';

const PLENTY = '100000/60s'; // the suite sends in seconds what a caller sends in hours

export interface FixtureServer {
  readonly url: URL;
  readonly apiKey: string;
  readonly jwt: string;
  close(): Promise<void>;
}

/** @param origin as clients see the server: its own `Host` and the only allowed `Origin` */
export async function startFixtureServer(origin: string, folder: string): Promise<FixtureServer> {
  const resource = `${origin}/mcp`;
  const authorization = await startAuthorizationServer({ resource, scopes: SCOPES });
  const config = loadConfig({
    PORT: '0',
    ADMIN_PORT: '0',
    LOG_LEVEL: 'warn',
    PUBLIC_URL: resource,
    ALLOWED_ORIGINS: origin,
    AUTH: 'jwt,api-key',
    JWT_ISSUERS: authorization.issuer,
    RATE_LIMIT_IP: PLENTY,
    RATE_LIMIT_CALLER: PLENTY,
    RATE_LIMIT_AUTH_FAILURES: PLENTY,
    AUDIT_SINKS: `file:${join(folder, 'audit.log')}`,
  });
  const server = await openServer({ config, definitions, logger: createLogger(config.LOG_LEVEL) });
  if (server.developmentKey === undefined) throw new Error('the server made no development key');
  return {
    url: server.url,
    apiKey: server.developmentKey,
    jwt: await authorization.token({ scope: SCOPES.join(' ') }),
    close: async () => {
      await server.close();
      await authorization.close();
    },
  };
}
