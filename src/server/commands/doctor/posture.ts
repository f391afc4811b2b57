/** The effect of the configuration, layer by layer. */
import type { Config } from '../../config/index.js';
import type { ToolDefinition } from '../../mcp/definitions/tool.js';
import { servedTools } from '../../served-tools.js';
import { isLoopback } from '../../exact-names.js';

type Name = keyof Config;
type Tools = readonly ToolDefinition[] | undefined;

/** A line of the posture. It is shown only when every variable in `uses` is valid. */
export interface Line {
  readonly label: string;
  readonly uses: readonly Name[];
  readonly text: (config: Config, tools: Tools) => string;
}

function line<K extends Name>(
  label: string,
  uses: readonly K[],
  text: (config: Pick<Config, K>, tools: Tools) => string,
): Line {
  return { label, uses, text };
}

const REDIS_KIND = { single: '', cluster: ' Cluster', sentinel: ' behind Sentinel' };
const orNone = (items: readonly string[], none: string) => (items.length > 0 ? items.join(', ') : none);
const onlyHere = (host: string) => (isLoopback(host) ? 'this machine only' : 'reachable from other machines');
const written = (sink: Config['AUDIT_SINKS'][number]) => (sink.kind === 'file' ? sink.path : sink.kind);
const seconds = (ms: number) => `${ms / 1000} s`;
const rate = ({ points, windowMs }: Config['RATE_LIMIT_IP']) => `${points} per ${seconds(windowMs)}`;

const keyOrigin = (name: 'AUDIT_HMAC_KEY' | 'STATE_KEYS') =>
  process.env[name] || process.env[`${name}_FILE`] ? 'with your key' : 'with a key made at start';

export const POSTURE: readonly Line[] = [
  line('environment', ['NODE_ENV'], (c) => c.NODE_ENV),
  line('listener', ['HOST', 'PORT', 'TLS_CERT_FILE', 'MAX_CONNECTIONS'], (c) => {
    const scheme = c.TLS_CERT_FILE ? 'https' : 'http';
    return `${scheme} on ${c.HOST} port ${c.PORT}, ${onlyHere(c.HOST)}, at most ${c.MAX_CONNECTIONS} connections`;
  }),
  line('public URL', ['PUBLIC_URL', 'HOST', 'PORT', 'TLS_CERT_FILE'], (c) => c.PUBLIC_URL.href),
  line(
    'admin',
    ['ADMIN_HOST', 'ADMIN_PORT'],
    (c) => `${c.ADMIN_HOST} port ${c.ADMIN_PORT}, ${onlyHere(c.ADMIN_HOST)}`,
  ),
  line('client address', ['TRUSTED_PROXIES'], (c) =>
    orNone(
      c.TRUSTED_PROXIES.map((range) => `X-Forwarded-For from ${range}`),
      'the peer; no proxy is trusted',
    ),
  ),
  line('audit', ['AUDIT_SINKS', 'AUDIT_MODE', 'AUDIT_CHECKPOINT_SINK', 'AUDIT_SIGNING_KEY_FILE'], (c) => {
    const { AUDIT_MODE: mode, AUDIT_SINKS: sinks, AUDIT_CHECKPOINT_SINK: checkpoints } = c;
    const signed = checkpoints ? `signed checkpoints to ${written(checkpoints)}` : 'chained, not signed';
    return `${mode}, to ${sinks.map(written).join(', ')}; ${signed}`;
  }),
  line(
    'security headers',
    ['PUBLIC_URL'],
    (c) => `HSTS ${c.PUBLIC_URL.protocol === 'https:' ? 'on' : 'off (not https)'}`,
  ),
  line(
    'host guard',
    ['ALLOWED_HOSTS', 'PUBLIC_URL', 'HOST', 'PORT'],
    (c) => `only ${c.ALLOWED_HOSTS.join(', ')}`,
  ),
  line(
    'origin guard, CORS',
    ['ALLOWED_ORIGINS'],
    (c) => `${orNone(c.ALLOWED_ORIGINS, 'every browser is refused')}; requests without Origin pass`,
  ),
  line(
    'address limit',
    ['RATE_LIMIT_IP', 'RATE_LIMIT_AUTH_FAILURES'],
    (c) => `${rate(c.RATE_LIMIT_IP)}; failed authentications ${rate(c.RATE_LIMIT_AUTH_FAILURES)}`,
  ),
  line('authenticate', ['AUTH'], (c) => orNone(c.AUTH, 'NONE: anyone who reaches the port may call')),
  line(
    '  jwt',
    ['AUTH', 'JWT_ISSUERS', 'JWT_AUDIENCE', 'JWT_ALGORITHMS', 'JWT_CLOCK_TOLERANCE_S', 'DPOP'],
    (c) =>
      c.AUTH.includes('jwt')
        ? `from ${c.JWT_ISSUERS.join(', ')} for ${c.JWT_AUDIENCE.join(', ')}; ${c.JWT_ALGORITHMS.join(', ')}; ` +
          `clocks within ${c.JWT_CLOCK_TOLERANCE_S} s; DPoP ${c.DPOP}`
        : 'off',
  ),
  line('  introspection', ['AUTH', 'INTROSPECTION_URL', 'INTROSPECTION_ISSUER', 'JWT_AUDIENCE'], (c) =>
    c.AUTH.includes('introspection')
      ? `of ${c.INTROSPECTION_ISSUER} for ${c.JWT_AUDIENCE.join(', ')}, asked at ${c.INTROSPECTION_URL?.href}`
      : 'off',
  ),
  line('  api-key', ['AUTH', 'API_KEYS_FILE'], (c) =>
    c.AUTH.includes('api-key')
      ? (c.API_KEYS_FILE ?? 'a development key, made at start and never stored')
      : 'off',
  ),
  line('  denylist', ['DENYLIST_FILE'], (c) => c.DENYLIST_FILE ?? 'none: a token works until it expires'),
  line('caller limit', ['RATE_LIMIT_CALLER'], (c) => rate(c.RATE_LIMIT_CALLER)),
  line(
    'body',
    ['MAX_BODY_BYTES', 'MAX_JSON_DEPTH', 'MAX_JSON_MEMBERS'],
    (c) =>
      `${c.MAX_BODY_BYTES} bytes, ${c.MAX_JSON_DEPTH} levels deep, ${c.MAX_JSON_MEMBERS} members and elements`,
  ),
  line(
    'authorize',
    ['REQUIRED_SCOPES'],
    (c) => `every call needs ${orNone(c.REQUIRED_SCOPES, 'no scope')}; each tool adds its own`,
  ),
  line(
    'sessions',
    ['MAX_SESSIONS_PER_CALLER', 'SESSION_IDLE_MS'],
    (c) => `${c.MAX_SESSIONS_PER_CALLER} per caller, end after ${seconds(c.SESSION_IDLE_MS)} unused`,
  ),
  line(
    'streams',
    ['MAX_STREAMS_PER_CALLER', 'STREAM_KEEPALIVE_MS', 'STREAM_MAX_BUFFER_BYTES'],
    (c) =>
      `${c.MAX_STREAMS_PER_CALLER} per caller, kept alive every ${seconds(c.STREAM_KEEPALIVE_MS)}, ` +
      `${c.STREAM_MAX_BUFFER_BYTES} bytes behind at most`,
  ),
  line('tools served', ['ENABLED_TOOLS', 'READ_ONLY'], (c, tools) => {
    if (!tools) return 'unknown: src/doctor.ts hands over no tools';
    const served = servedTools(tools, c).map(({ name }) => name);
    const names = orNone(served, 'none');
    return `${served.length} of ${tools.length}${c.READ_ONLY ? ', only those that read' : ''}: ${names}`;
  }),
  line(
    'tools',
    ['TOOL_TIMEOUT_MS', 'ASK_TIMEOUT_MS', 'MAX_RESULT_BYTES'],
    (c) =>
      `${seconds(c.TOOL_TIMEOUT_MS)} a call, ${seconds(c.ASK_TIMEOUT_MS)} for an answer, ${c.MAX_RESULT_BYTES} bytes of result`,
  ),
  line('tool settings', ['settings'], (c) =>
    orNone(
      Object.entries(JSON.parse(JSON.stringify(c.settings)) as object).map(
        ([name, value]) => `${name}=${String(value)}`,
      ),
      'none',
    ),
  ),
  line('state', ['REPLICAS', 'REDIS_URL', 'REDIS_MODE', 'STORE_FAILURE'], (c) =>
    c.REDIS_URL === undefined
      ? 'in memory, one process'
      : `in Redis${REDIS_KIND[c.REDIS_MODE]}, ${c.REPLICAS} processes; while it is away: ${c.STORE_FAILURE}`,
  ),
  line(
    'keys',
    ['AUDIT_HMAC_KEY', 'STATE_KEYS'],
    () => `audit digests ${keyOrigin('AUDIT_HMAC_KEY')}, request state ${keyOrigin('STATE_KEYS')}`,
  ),
  line('log', ['LOG_LEVEL'], (c) => `${c.LOG_LEVEL}, to stderr`),
  line('traces', ['tracing'], (c) => (c.tracing ? 'sent by OTLP, as OTEL_* configures' : 'none')),
  line(
    'shutdown',
    ['SHUTDOWN_DELAY_MS', 'SHUTDOWN_GRACE_MS', 'NODE_ENV'],
    (c) =>
      `unready for ${seconds(c.SHUTDOWN_DELAY_MS)}, then ${seconds(c.SHUTDOWN_GRACE_MS)} for calls in flight`,
  ),
];
