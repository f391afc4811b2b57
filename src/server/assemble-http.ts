/** Builds what the layers of `pipeline.ts` need: who is calling and how clients learn to say it, and the two eras that answer. */
import type { IncomingMessage } from 'node:http';
import { type Config, ConfigError } from './config/index.js';
import { SSE_PATHS } from './exact-names.js';
import { openGrants, type OpenGrants } from './grants/index.js';
import { challenge as createChallenge, resourceMetadata } from './identity/challenge.js';
import { readCredential } from './identity/credential.js';
import { requireCertificate } from './identity/certificate-bound.js';
import { PROOF_ALGORITHMS, refuseBound, type RequirePossession, requirePossession } from './identity/dpop.js';
import { dpopNonces } from './identity/dpop-nonces.js';
import { createStandings } from './identity/standings.js';
import { createEra2025 } from './mcp/era-2025/index.js';
import { createEra2026 } from './mcp/era-2026/index.js';
import { type OpenExtension, withExtensions } from './mcp/extensions/extension.js';
import { createKeepAlive } from './mcp/exchange/keep-alive.js';
import type { Challenge } from './mcp/calls/authorize.js';
import { UnsentAnswers } from './mcp/exchange/unsent-answers.js';
import type { OpenGrantOptions } from './mcp/server-definition.js';
import type { McpParts } from './assemble-mcp.js';
import type { Logger } from './observe/logger.js';
import { openVerifiers } from './open-verifiers.js';
import type { Stores } from './stores/types.js';

const WELL_KNOWN = '/.well-known/oauth-protected-resource'; // RFC 9728 §3.1

const ANONYMOUS = { issuer: 'none', subject: 'anonymous', method: 'none' } as const;

/** Some clients answer a failed key by trying OAuth. When that fails too, they show this text. */
const KEYS_ONLY = 'this server takes API keys only, as Authorization: Bearer or X-Api-Key';

/** @throws when the key file or the denylist cannot be read */
export async function createIdentity(
  config: Config,
  { catalog, serverInfo }: McpParts,
  { usedOnce }: Stores,
  logger: Logger,
) {
  const { AUTH, CHALLENGE_SCOPES, DPOP, JWT_SCOPE_PREFIX = '', PUBLIC_URL, REQUIRED_SCOPES } = config;
  const takesTokens = AUTH.includes('jwt') || AUTH.includes('introspection');
  const { scopes } = catalog;
  const ownPath = `${WELL_KNOWN}${PUBLIC_URL.pathname === '/' ? '' : PUBLIC_URL.pathname}`;
  const { verifiers, withdrawals, developmentKey } = await openVerifiers(config, scopes, logger);
  const dpop = DPOP === 'off' ? undefined : { algorithms: PROOF_ALGORITHMS, isRequired: DPOP === 'require' };
  const challenge = createChallenge({
    ...(takesTokens && { resourceMetadata: new URL(ownPath, PUBLIC_URL) }),
    scopes: CHALLENGE_SCOPES === 'required' && REQUIRED_SCOPES.length > 0 ? REQUIRED_SCOPES : scopes,
    scopePrefix: JWT_SCOPE_PREFIX,
    dpop,
  });
  const requireProof = dpop
    ? requirePossession({
        isRequired: dpop.isRequired,
        publicUrl: PUBLIC_URL,
        usedOnce,
        nonces: dpopNonces(config.STATE_KEYS),
        challenge,
      })
    : refuseBound;
  return {
    verifiers,
    standings: createStandings({ challenge, withdrawals }),
    readCredential: (req: Pick<IncomingMessage, 'rawHeaders'>) => readCredential(req, dpop !== undefined),
    challenge,
    requirePossession: async (...request: Parameters<RequirePossession>) => {
      await requireCertificate(...request);
      await requireProof(...request);
    },
    /** The caller of every request when authentication is off. */
    ...(AUTH.length === 0 && { anonymous: { ...ANONYMOUS, scopes } }),
    ...(AUTH.includes('api-key') && !takesTokens && { hint: KEYS_ONLY }),
    developmentKey,
    metadata: resourceMetadata({
      resource: PUBLIC_URL.written,
      authorization_servers: issuersOf(config),
      scopes_supported: scopes.map((scope) => JWT_SCOPE_PREFIX + scope),
      resource_name: serverInfo.name,
      ...(config.TLS_CERT_FILE !== undefined && { tls_client_certificate_bound_access_tokens: true }),
      ...(dpop && {
        dpop_signing_alg_values_supported: dpop.algorithms,
        dpop_bound_access_tokens_required: dpop.isRequired,
      }),
    }),
    /** Paths of the metadata. None without tokens: a client that sees OAuth advertised ignores its API key. */
    metadataPaths: takesTokens ? [...new Set([WELL_KNOWN, ownPath])] : [],
  };
}

/** Whose tokens are accepted. */
function issuersOf({ JWT_ISSUERS, INTROSPECTION_ISSUER: asked }: Config): readonly string[] {
  return [...new Set([...JWT_ISSUERS, ...(asked === undefined ? [] : [asked])])];
}

interface GrantsOf {
  readonly config: Config;
  readonly grants?: OpenGrantOptions | undefined;
  readonly stores: Stores;
}

/** @throws {TypeError} for unsafe options @throws {ConfigError} where no caller could prove to be the one who was asked */
export function openGrantsOf({ config, grants, stores }: GrantsOf): OpenGrants | undefined {
  const options = grants?.(config.settings);
  if (!options) return undefined;
  const { JWT_ISSUERS, PUBLIC_URL, STATE_KEYS } = config;
  if (!JWT_ISSUERS.includes(options.signIn.issuer)) {
    const message =
      'must contain signIn.issuer of grants in main.ts: users connect accounts as who they call';
    throw new ConfigError([{ variable: 'JWT_ISSUERS', message }]);
  }
  return openGrants(options, { ...stores, publicUrl: PUBLIC_URL, keys: STATE_KEYS });
}

export function createEras(
  config: Config,
  mcp: McpParts,
  challenge: Challenge,
  stores: Stores,
  extensions: readonly OpenExtension[],
) {
  const { sessions, events, clientReplies, streamSlots } = stores;
  const keepAlive = createKeepAlive(config.STREAM_KEEPALIVE_MS);
  const unsent = new UnsentAnswers(config.memory.unsent);
  const shared = {
    ...mcp,
    keepAlive,
    unsent,
    streamSlots,
    maxStreamsPerCaller: config.MAX_STREAMS_PER_CALLER,
    maxBufferBytes: config.STREAM_MAX_BUFFER_BYTES,
  };
  const eras = {
    '2025': createEra2025({
      ...shared,
      capabilities: withExtensions(mcp.capabilities, mcp.extensions, '2025'),
      sessions,
      events,
      clientReplies,
      challenge,
      sseMessagesPath: SSE_PATHS.messages,
      maxSessionsPerCaller: config.MAX_SESSIONS_PER_CALLER,
    }),
    '2026': createEra2026({
      ...shared,
      extensions,
      capabilities: withExtensions(mcp.capabilities, mcp.extensions, '2026'),
    }),
  };
  return { eras, bufferedBytes: keepAlive.bufferedBytes, unsent, close: keepAlive.close };
}
