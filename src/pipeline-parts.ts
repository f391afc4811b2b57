/** What the layers of `pipeline.ts` are made of: who may call, and the two eras that answer. */
import type { RequestHandler } from 'express';
import type { Config } from './config.js';
import { apiKeyVerifier } from './identity/api-key.js';
import { developmentKey } from './identity/api-key-entry.js';
import type { Caller } from './identity/caller.js';
import { type Challenge, challenge, resourceMetadata } from './identity/challenge.js';
import { jwtVerifier } from './identity/jwt.js';
import type { Verifier } from './identity/verifier.js';
import { capabilitiesOf } from './mcp/capabilities.js';
import type { Catalog } from './mcp/catalog.js';
import type { Era } from './mcp/era.js';
import { createEra2025 } from './mcp/era-2025/index.js';
import { createEra2026 } from './mcp/era-2026/index.js';
import { createKeepAlive } from './mcp/exchange/keep-alive.js';
import { createHandlers } from './mcp/handlers.js';
import { serverInfo } from './mcp/server-info.js';
import type { ToolServices } from './mcp/tool.js';
import type { Logger } from './observe/logger.js';
import type { Stores } from './stores/types.js';

const WELL_KNOWN = '/.well-known/oauth-protected-resource'; // RFC 9728 §3.1

/** HTTP+SSE, only with `LEGACY_SSE`. */
export const SSE_PATHS = { stream: '/sse', messages: '/messages' } as const;

export interface Identity {
  readonly verifiers: readonly Verifier[];
  readonly challenge: Challenge;
  /** Everybody's name where authentication is off. */
  readonly anonymous?: Caller;
  readonly developmentKey?: string;
  readonly metadata: RequestHandler;
  /** Paths of the metadata; none where no token is accepted, since a client that sees OAuth ignores its key. */
  readonly metadataPaths: readonly string[];
}

/** @throws when the key file cannot be read */
export async function createIdentity(config: Config, catalog: Catalog, logger: Logger): Promise<Identity> {
  const { AUTH, PUBLIC_URL, REQUIRED_SCOPES } = config;
  const takesTokens = AUTH.includes('jwt');
  const scopes = [...new Set([...REQUIRED_SCOPES, ...catalog.scopes])];
  const ownPath = `${WELL_KNOWN}${PUBLIC_URL.pathname === '/' ? '' : PUBLIC_URL.pathname}`;
  const keys = AUTH.includes('api-key') ? await openKeys(config, scopes, logger) : undefined;
  return {
    verifiers: [...(keys ? [keys.verifier] : []), ...(takesTokens ? [openJwt(config, logger)] : [])],
    challenge: challenge({
      ...(takesTokens && { resourceMetadata: new URL(ownPath, PUBLIC_URL) }),
      scopes: REQUIRED_SCOPES.length > 0 ? REQUIRED_SCOPES : scopes,
    }),
    ...(AUTH.length === 0 && { anonymous: { issuer: 'none', subject: 'anonymous', method: 'none', scopes } }),
    ...(keys?.developmentKey !== undefined && { developmentKey: keys.developmentKey }),
    metadata: resourceMetadata({
      resource: PUBLIC_URL.href,
      authorization_servers: config.JWT_ISSUERS,
      scopes_supported: scopes,
      resource_name: serverInfo.name,
    }),
    metadataPaths: takesTokens ? [...new Set([WELL_KNOWN, ownPath])] : [],
  };
}

/** Without a file the configuration has made sure that this is a development server on loopback. */
async function openKeys({ API_KEYS_FILE }: Config, scopes: readonly string[], logger: Logger) {
  if (API_KEYS_FILE !== undefined) return { verifier: await apiKeyVerifier({ file: API_KEYS_FILE, logger }) };
  const { key, entry } = developmentKey(scopes);
  return { verifier: await apiKeyVerifier({ entries: [entry], logger }), developmentKey: key };
}

function openJwt(config: Config, logger: Logger): Verifier {
  return jwtVerifier({
    issuers: config.JWT_ISSUERS,
    ...(config.JWT_JWKS_URL && { jwksUrl: config.JWT_JWKS_URL }),
    audience: config.JWT_AUDIENCE,
    algorithms: config.JWT_ALGORITHMS,
    clockToleranceS: config.JWT_CLOCK_TOLERANCE_S,
    logger,
  });
}

export interface ErasOptions {
  readonly config: Config;
  readonly catalog: Catalog;
  readonly services: ToolServices;
  readonly stores: Stores;
  readonly logger: Logger;
}

export interface Eras {
  readonly eras: Readonly<Record<'2025' | '2026', Era>>;
  /** What readers of streams have not taken yet. */
  bufferedBytes(): number;
  close(): void;
}

export function createEras({ config, catalog, services, stores, logger }: ErasOptions): Eras {
  const { sessions, changes, mail, events } = stores;
  const keepAlive = createKeepAlive(config.STREAM_KEEPALIVE_MS);
  const handlers = createHandlers({
    catalog,
    services,
    logger,
    settings: config.settings,
    publish: changes.publish,
    requiredScopes: config.REQUIRED_SCOPES,
    timeoutMs: config.TOOL_TIMEOUT_MS,
    maxResultBytes: config.MAX_RESULT_BYTES,
  });
  const shared = {
    catalog,
    handlers,
    changes,
    keepAlive,
    logger,
    capabilities: capabilitiesOf(catalog),
    maxStreamsPerCaller: config.MAX_STREAMS_PER_CALLER,
    maxBufferBytes: config.STREAM_MAX_BUFFER_BYTES,
  };
  const eras = {
    '2025': createEra2025({
      ...shared,
      sessions,
      events,
      mail,
      sseMessagesPath: SSE_PATHS.messages,
      maxSessionsPerCaller: config.MAX_SESSIONS_PER_CALLER,
      askTimeoutMs: config.ASK_TIMEOUT_MS,
    }),
    '2026': createEra2026({
      ...shared,
      requiredScopes: config.REQUIRED_SCOPES,
      requestState: {
        keys: config.STATE_KEYS,
        ttlS: Math.ceil(config.ASK_TIMEOUT_MS / 1000),
        once: stores.once,
      },
    }),
  };
  return { eras, bufferedBytes: keepAlive.bufferedBytes, close: keepAlive.close };
}
