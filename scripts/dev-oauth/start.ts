/** Starts this server and a separate authorization server. */
import { about } from '../../src/about.js';
import { loadConfig } from '../../src/server/config/index.js';
import type { Definitions } from '../../src/server/index.js';
import { createLogger } from '../../src/server/observe/logger.js';
import { openServer } from '../../src/server/start.js';
import { openServices } from '../../src/services.js';
import { settings } from '../../src/settings.js';
import { SERVICE_CLIENT, startAuthorizationServer } from '../../test/helpers/authorization-server.js';

export interface DevOauth {
  readonly url: URL;
  readonly issuer: string;
  /** The scope that a client requests first. */
  readonly scope: string;
  /** A program without a user, which gets tokens by client credentials. */
  readonly service: { readonly id: string; readonly secret: string };
  close(): Promise<void>;
}

export interface DevOauthOptions {
  readonly definitions: Definitions;
  /** Values for `src/settings.ts`. */
  readonly ownSettings: Readonly<Record<string, string>>;
  /** 0 for any free port. */
  readonly port: number;
  readonly issuerPort: number;
  readonly auditSink: string;
}

export async function startDevOauth(options: DevOauthOptions): Promise<DevOauth> {
  const { definitions, port, issuerPort, auditSink } = options;
  const scopes = scopesOf(definitions);
  const [scope = ''] = scopes;
  const authorizationServer = await startAuthorizationServer({
    resource: `http://127.0.0.1:${port}/mcp`,
    scopes,
    port: issuerPort,
    interactive: true,
  });
  try {
    const variables = {
      ...options.ownSettings,
      PORT: String(port),
      ADMIN_PORT: '0',
      AUTH: 'jwt',
      JWT_ISSUERS: authorizationServer.issuer,
      REQUIRED_SCOPES: scope, // the others need a step-up
      AUDIT_SINKS: auditSink,
      LOG_LEVEL: 'warn',
    };
    const config = loadConfig(variables, settings);
    const server = await openServer({
      config,
      about,
      definitions,
      openServices,
      logger: createLogger(config.LOG_LEVEL),
    });
    return {
      url: server.url,
      issuer: authorizationServer.issuer,
      scope,
      service: { id: SERVICE_CLIENT, secret: authorizationServer.secret },
      close: async () => {
        await server.close();
        await authorizationServer.close();
      },
    };
  } catch (error) {
    await authorizationServer.close();
    throw error;
  }
}

/** Every scope that a definition names, those of the first tool first. */
function scopesOf({ tools, resources, prompts }: Definitions): readonly string[] {
  return [...new Set([...tools, ...resources, ...prompts].flatMap((definition) => definition.scopes))];
}
