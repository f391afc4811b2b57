/** Every environment variable of the template: format, default and meaning, in the order of `.env.example`. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { SCOPE_TOKEN } from '../exact-names.js';
import { ASYMMETRIC } from '../identity/algorithms.js';
import type { Settings } from '../mcp/definitions/tool.js';
import * as network from './network.js';
import * as value from './values.js';

const { hmacKey, integer, list, listOrNone, milliseconds, oneOf, oneWord, rateLimit, readableFile, scopes } =
  value;

type Text = z.ZodType<unknown, string>;

/** A variable with a default, given as text. */
const variable = <T extends Text>(meaning: string, form: T, text: string) =>
  form.prefault(text as z.input<T>).describe(meaning);

/** A variable without a default, or with one that `rules.ts` computes from others. */
const optional = <T extends Text>(meaning: string, form: T, computed: string = '') =>
  form.optional().meta({ description: meaning, default: computed });

const issuerForm = 'https, or http on loopback, without user, query or fragment';

const listeners = {
  NODE_ENV: variable(
    '`production` adds the production rules; `test` is like `development`',
    oneOf('development', 'production', 'test'),
    'development',
  ),
  HOST: variable('Address of the public listener', network.bindAddress, '127.0.0.1'),
  PORT: variable('Port of the public listener; 0 takes a free one', integer(0, 65_535), '3000'),
  PUBLIC_URL: optional(
    'The URL that clients use; gives the endpoint path, the audience and the OAuth metadata',
    network.publicUrl,
    'http://HOST:PORT/mcp (https with TLS_CERT_FILE)',
  ),
  TLS_CERT_FILE: optional('PEM certificate chain, for HTTPS in process', readableFile),
  TLS_KEY_FILE: optional('PEM private key, for HTTPS in process', readableFile),
  KEEP_ALIVE_MS: variable(
    'Silence after which an idle connection is closed; above the idle time-out of whatever proxy is in front',
    milliseconds(1000),
    '75000',
  ),
  MAX_CONNECTIONS: variable('Maximum open connections, all callers together', integer(1), '10000'),
  ADMIN_HOST: variable(
    'Address of the admin listener (`/livez`, `/readyz`, `/metrics`), never public',
    network.bindAddress,
    '127.0.0.1',
  ),
  ADMIN_PORT: variable('Port of the admin listener; 0 takes a free one', integer(0, 65_535), '9464'),
};

const origins = {
  ALLOWED_HOSTS: optional(
    'Exact `Host` values that are served (against DNS rebinding), comma-separated',
    list(network.parseHost, 'an exact host[:port], without wildcards'),
    'host of PUBLIC_URL, plus the loopback names on a loopback HOST',
  ),
  ALLOWED_ORIGINS: list(network.parseOrigin, 'an exact scheme://host[:port] without wildcards; never null')
    .default([])
    .describe('Exact origins whose pages may call, comma-separated; empty refuses every web page'),
  TRUSTED_PROXIES: variable(
    'CIDRs of proxies whose `X-Forwarded-For` is believed, comma-separated, or `none`',
    listOrNone(network.parseProxyRange, 'a CIDR of at least /8 (IPv4) or /7 (IPv6), such as 10.0.0.0/8'),
    'none',
  ),
};

const authentication = {
  AUTH: variable(
    'Accepted credentials: `jwt`, `introspection`, `api-key`, comma-separated; `none` only on loopback outside production',
    listOrNone(oneWord('jwt', 'introspection', 'api-key'), 'jwt, introspection or api-key'),
    'api-key',
  ),
  JWT_ISSUERS: list(network.parseIssuer, issuerForm)
    .default([])
    .describe(
      'Issuer URLs, comma-separated; keys by RFC 8414 or OpenID discovery; compared as plain strings',
    ),
  JWT_JWKS_URL: optional('URL of the key set of the single issuer, instead of discovery', network.keySetUrl),
  JWT_AUDIENCE: optional(
    'Accepted audiences, comma-separated',
    list((text) => /^\S+$/.exec(text)?.[0], 'without spaces'),
    'PUBLIC_URL',
  ),
  JWT_ALGORITHMS: variable(
    'Accepted signature algorithms, comma-separated; asymmetric ones only',
    list(oneWord(...ASYMMETRIC), 'an asymmetric algorithm of RFC 7518 or RFC 8037'),
    'ES256,EdDSA,PS256,RS256',
  ),
  JWT_CLOCK_TOLERANCE_S: variable(
    'Tolerated difference between the clocks of issuer and server',
    integer(0, 300),
    '5',
  ),
  JWT_SCOPE_CLAIMS: variable(
    'Claims whose values count as scopes, all that are present together, comma-separated: strings are split at spaces, lists ' +
      'taken as they are',
    list((text) => /^\S+$/.exec(text)?.[0], 'the name of a claim'),
    'scope,scp',
  ),
  JWT_SCOPE_PREFIX: optional(
    'Taken off the scopes of a token that begin with it; the others do not count. Challenge and metadata name scopes with it',
    value.parsed((text) => SCOPE_TOKEN.exec(text)?.[0], 'must be the beginning of a scope (RFC 6749 §3.3)'),
  ),
  INTROSPECTION_URL: optional(
    'Where to ask about opaque tokens (RFC 7662); a yes counts for 30 s at most, and never beyond its `exp`',
    network.keySetUrl,
  ),
  INTROSPECTION_ISSUER: optional(
    'Issuer of the opaque tokens; compared as a plain string',
    value.parsed(network.parseIssuer, `must be ${issuerForm}`),
  ),
  INTROSPECTION_CLIENT_ID: optional('Id of this server at that issuer', value.visibleText),
  INTROSPECTION_CLIENT_SECRET: value.visibleText.optional().meta({
    description:
      'Its secret; or a private key, as a JWK with `alg`: it then signs an assertion (`private_key_jwt`)',
    secret: true,
  }),
  DPOP: variable(
    'Proof that a caller has the key its token is bound to (RFC 9449): `accept` asks for it where a token is bound, ' +
      '`require` takes bound tokens only',
    oneOf('off', 'accept', 'require'),
    'off',
  ),
  API_KEYS_FILE: optional('JSON file of hashed keys (`npm run key`); re-read when it changes', readableFile),
  DENYLIST_FILE: optional(
    'JSON `{"subjects":[],"clients":[],"tokens":[],"keys":[]}` (`issuer subject`, client ids, `jti`, ids of API keys) of whom ' +
      'to refuse; re-read when it changes',
    readableFile,
  ),
  ENABLED_TOOLS: list(value.parseToolName, 'the name of a tool')
    .default([])
    .meta({ description: 'Tools that are served, comma-separated; the others do not exist', default: 'all' }),
  READ_ONLY: variable('Serves only tools that say `readOnlyHint: true`', value.boolean, 'false'),
  REQUIRED_SCOPES: scopes.default([]).describe('Scopes that every call needs, space-separated'),
  CHALLENGE_SCOPES: variable(
    'What a 401 tells clients to ask for: `required` names REQUIRED_SCOPES and leaves the rest to a step-up; `all` names ' +
      'every scope of the definitions, for clients that cannot step up',
    oneOf('required', 'all'),
    'required',
  ),
};

const limits = {
  RATE_LIMIT_IP: variable('Points per window and client address (IPv6: per /64)', rateLimit, '600/60s'),
  RATE_LIMIT_CALLER: variable('Points per window and caller', rateLimit, '300/60s'),
  RATE_LIMIT_AUTH_FAILURES: variable('Failed authentications per window and address', rateLimit, '20/60s'),
  MAX_BODY_BYTES: variable('Maximum size of a request body', integer(1), '1048576'),
  MAX_JSON_DEPTH: variable('Maximum nesting of a request body', integer(1, 1000), '64'),
  MAX_JSON_MEMBERS: variable(
    'Maximum members of all objects in a request body together; the same for the elements of all arrays',
    integer(1),
    '10000',
  ),
  MAX_SESSIONS_PER_CALLER: variable('Maximum live sessions (revisions up to 2025-11-25)', integer(1), '100'),
  MAX_STREAMS_PER_CALLER: variable('Maximum open streams', integer(1), '20'),
  SESSION_IDLE_MS: variable('Idle time after which a session ends', milliseconds(), '1800000'),
  TOOL_TIMEOUT_MS: variable(
    'Maximum time of one call; the clock stops while a tool asks the user',
    milliseconds(),
    '60000',
  ),
  ASK_TIMEOUT_MS: variable('Maximum time for the user to answer', milliseconds(), '300000'),
  MAX_RESULT_BYTES: variable(
    'Maximum size of the result of a tool; at most a sixteenth of the heap',
    integer(1),
    '10485760',
  ),
  STREAM_KEEPALIVE_MS: variable(
    'Silence after which a comment is sent to keep a stream open',
    milliseconds(),
    '15000',
  ),
  STREAM_MAX_BUFFER_BYTES: variable(
    'Unread bytes beyond which a stream is cut off when its reader takes nothing for 10 s',
    integer(1),
    '1048576',
  ),
};

const state = {
  REDIS_URL: network.redisUrl.optional().meta({
    description:
      'Shared stores: redis:// or rediss:// URL; a comma list of nodes or sentinels where REDIS_MODE says so',
    secret: true,
  }),
  REDIS_MODE: variable(
    'What REDIS_URL names: one server, nodes of a Cluster, or sentinels',
    oneOf('single', 'cluster', 'sentinel'),
    'single',
  ),
  REDIS_SENTINEL_NAME: optional(
    'What the sentinels call the primary',
    value.parsed((text) => /^[\w.-]{1,100}$/.exec(text)?.[0], 'must be the name in `sentinel monitor`'),
  ),
  REDIS_CA_FILE: optional('PEM certificates that a rediss:// server is checked against', readableFile),
  REPLICAS: variable('Number of processes that share the stores', integer(1), '1'),
  STORE_FAILURE: variable(
    'When Redis is away: `local` divides limits by REPLICAS, `strict` answers 503',
    oneOf('local', 'strict'),
    'local',
  ),
  STATE_KEYS: list(value.parseKey, '32 bytes in base64url')
    .default(() => [randomBytes(32)])
    .meta({
      description:
        'Keys that seal request state of revision 2026-07-28 and the accounts that users connect, comma-separated: the first seals, all open',
      default: 'random per process',
      secret: true,
    }),
  LEGACY_SSE: variable('HTTP+SSE for clients of revision 2024-11-05', value.boolean, 'false'),
};

const operation = {
  AUDIT_SINKS: variable(
    '`stdout`, `file:PATH`, comma-separated; with several, one must succeed',
    list(value.parseAuditSink, 'stdout or file:PATH'),
    'stdout',
  ),
  AUDIT_MODE: variable(
    '`strict`: a tool waits until its record is written; `batch`: records are queued, up to a limit',
    oneOf('strict', 'batch'),
    'strict',
  ),
  AUDIT_SIGNING_KEY_FILE: optional(
    'PEM Ed25519 private key that signs checkpoints of the audit, every 1,000 records or 10 s',
    value.parsed(
      value.readSigningKey,
      'must name a file with an Ed25519 private key in PEM: openssl genpkey -algorithm ed25519',
    ),
  ),
  AUDIT_CHECKPOINT_SINK: optional(
    'Where the checkpoints go, meant to leave the host: `stdout` or `file:PATH`',
    value.parsed(value.parseAuditSink, 'must be stdout or file:PATH'),
  ),
  AUDIT_HMAC_KEY: hmacKey
    .default(() => randomBytes(32))
    .meta({
      description:
        'Keys the digests of session ids and arguments; set it to compare them across replicas and restarts',
      default: 'random per process',
      secret: true,
    }),
  LOG_LEVEL: variable(
    'Operational log on stderr',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
  ),
  SHUTDOWN_DELAY_MS: optional(
    'Time between unready and the end of new connections',
    milliseconds(0),
    '5000 in production, else 0',
  ),
  SHUTDOWN_GRACE_MS: variable('Maximum time for the calls in flight to end', milliseconds(0), '65000'),
};

/** The variables under the titles that the documentation uses. */
export const SECTIONS: Readonly<Record<string, Readonly<Record<string, z.ZodType>>>> = {
  Listeners: listeners,
  'Browsers and proxies': origins,
  Authentication: authentication,
  Limits: limits,
  'State and replicas': state,
  'Audit, log and shutdown': operation,
};

export const Variables = z.object({
  ...listeners,
  ...origins,
  ...authentication,
  ...limits,
  ...state,
  ...operation,
});

export type Parsed = Readonly<z.output<typeof Variables>>;
type Derived = 'PUBLIC_URL' | 'ALLOWED_HOSTS' | 'JWT_AUDIENCE' | 'SHUTDOWN_DELAY_MS';

/** The configuration: keys are the variables' own names; `settings` are the tools' own. */
export type Config = Omit<Parsed, Derived> & {
  readonly [K in Derived]: NonNullable<Parsed[K]>;
} & {
  readonly settings: Settings;
  /** Whether OpenTelemetry's own variables ask for traces. */
  readonly tracing: boolean;
  /** Shares of the heap, in bytes. `docs/operations/sizing.md` has the sum. */
  readonly memory: {
    /** For answers that are made and not yet sent: of all callers, and of one. */
    readonly unsent: { readonly perProcess: number; readonly perCaller: number };
    /** For the sessions, and likewise for the logs of streams, where they are kept in this process. */
    readonly perStore: number;
  };
};
