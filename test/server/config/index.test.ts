import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { atPort, ConfigError, loadConfig, readConfig } from '../../../src/server/config/index.js';
import { Variables } from '../../../src/server/config/schema.js';
import { selfSignedCertificate } from '../../helpers/certificate.js';

type Env = Record<string, string>;

const folder = mkdtempSync(join(tmpdir(), 'config-'));
const file = (name: string, content = '{}') => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const keysFile = file('keys.json');
const hmacKey = 'aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789';
const stateKeyBytes = Buffer.from(Array.from({ length: 32 }, (_, n) => n));
const stateKey = stateKeyBytes.toString('base64url');

const PRODUCTION: Env = {
  NODE_ENV: 'production',
  HOST: '0.0.0.0',
  PUBLIC_URL: 'https://mcp.example.com/mcp',
  ALLOWED_HOSTS: 'mcp.example.com',
  TRUSTED_PROXIES: '10.0.0.0/8',
  API_KEYS_FILE: keysFile,
};
const INTROSPECTION: Env = {
  AUTH: 'introspection',
  INTROSPECTION_URL: 'https://id.example.com/introspect',
  INTROSPECTION_ISSUER: 'https://id.example.com',
  INTROSPECTION_CLIENT_ID: 'mcp',
  INTROSPECTION_CLIENT_SECRET: 'secret',
};
const JWT: Env = { AUTH: 'jwt', JWT_ISSUERS: 'https://id.example.com' };
const { cert, key } = selfSignedCertificate();
const tls = { TLS_CERT_FILE: file('cert.pem', cert), TLS_KEY_FILE: file('key.pem', key) };

afterAll(() => rmSync(folder, { recursive: true }));

const without = (env: Env, name: string): Env => {
  const { [name]: _removed, ...rest } = env;
  return rest;
};
const atFault = (env: Env) => [...new Set(readConfig(env).problems.map(({ variable }) => variable))];

describe('defaults', () => {
  test('an empty environment is a safe development server', () => {
    expect(loadConfig({}, z.object({ GREETING: z.string().default('hello') }))).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 3000,
      AUTH: ['api-key'],
      ALLOWED_HOSTS: ['127.0.0.1:3000', 'localhost:3000', '[::1]:3000'],
      ALLOWED_ORIGINS: [],
      TRUSTED_PROXIES: [],
      JWT_AUDIENCE: ['http://127.0.0.1:3000/mcp'],
      RATE_LIMIT_IP: { points: 600, windowMs: 60_000 },
      SHUTDOWN_DELAY_MS: 0,
      AUDIT_SINKS: [{ kind: 'stdout' }],
      LEGACY_SSE: false,
      settings: { GREETING: 'hello' },
    });
  });

  test('an empty variable counts as one that is not set', () => {
    expect(loadConfig({ AUTH: '', HOST: ' ', JWT_ISSUERS: '' })).toMatchObject({
      AUTH: ['api-key'],
      HOST: '127.0.0.1',
    });
    expect(atFault({ ...PRODUCTION, TRUSTED_PROXIES: '' })).toEqual(['TRUSTED_PROXIES']);
  });

  test('keys are random for each process, and 32 bytes', () => {
    const [one, other] = [loadConfig({}), loadConfig({})];
    expect(one.AUDIT_HMAC_KEY.equals(other.AUDIT_HMAC_KEY)).toBe(false);
    expect(one.STATE_KEYS.map((key) => key.length)).toEqual([32]);
    expect(one.STATE_KEYS).not.toEqual(other.STATE_KEYS);
  });

  test('a hardened production environment is accepted', () => {
    expect(loadConfig(PRODUCTION)).toMatchObject({
      SHUTDOWN_DELAY_MS: 5000,
      ALLOWED_HOSTS: ['mcp.example.com'],
    });
    expect(loadConfig({ ...PRODUCTION, TRUSTED_PROXIES: 'none' }).TRUSTED_PROXIES).toEqual([]);
  });

  test('a default port is left out of the hosts, as clients leave it out of Host', () => {
    expect(loadConfig({ PORT: '80' }).ALLOWED_HOSTS).toEqual(['127.0.0.1', 'localhost', '[::1]']);
  });

  test('HTTPS in process makes the default public URL https', () => {
    expect(loadConfig({ ...tls, HOST: '::1' }).PUBLIC_URL.href).toBe('https://[::1]:3000/mcp');
  });
});

describe('a value that is accepted', () => {
  test.each<[string, Env, unknown]>([
    ['PORT', { PORT: '0' }, 0],
    ['HOST', { HOST: 'localhost' }, 'localhost'],
    ['AUTH', { AUTH: 'none' }, []],
    ['AUTH', { ...JWT, AUTH: 'jwt, api-key,jwt' }, ['jwt', 'api-key']],
    ['ALLOWED_HOSTS', { ALLOWED_HOSTS: 'MCP.example.com, [::1]:3000' }, ['mcp.example.com', '[::1]:3000']],
    [
      'ALLOWED_ORIGINS',
      { ALLOWED_ORIGINS: 'https://a.example,http://localhost:5173' },
      ['https://a.example', 'http://localhost:5173'],
    ],
    [
      'ALLOWED_ORIGINS',
      {
        ALLOWED_ORIGINS:
          'chrome-extension://abcdefghijklmnopabcdefghijklmnop,tauri://localhost,vscode-webview://1A2b',
      },
      ['chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'tauri://localhost', 'vscode-webview://1A2b'],
    ],
    ['JWT_AUDIENCE', { PUBLIC_URL: 'https://a.example' }, ['https://a.example', 'https://a.example/']],
    ['JWT_AUDIENCE', { PUBLIC_URL: 'https://a.example/' }, ['https://a.example/', 'https://a.example']],
    ['JWT_AUDIENCE', { PUBLIC_URL: 'https://a.example/mcp' }, ['https://a.example/mcp']],
    ['TRUSTED_PROXIES', { TRUSTED_PROXIES: '10.0.0.0/8,fd00::/8' }, ['10.0.0.0/8', 'fd00::/8']],
    [
      'JWT_ISSUERS',
      { ...JWT, JWT_ISSUERS: 'https://id.example.com/,http://127.0.0.1:9/x' },
      ['https://id.example.com/', 'http://127.0.0.1:9/x'],
    ],
    ['JWT_AUDIENCE', { ...JWT, JWT_AUDIENCE: 'api://mcp,other' }, ['api://mcp', 'other']],
    ['REQUIRED_SCOPES', { REQUIRED_SCOPES: 'mcp:use documents:read' }, ['mcp:use', 'documents:read']],
    ['RATE_LIMIT_CALLER', { RATE_LIMIT_CALLER: '5/2h' }, { points: 5, windowMs: 7_200_000 }],
    [
      'AUDIT_SINKS',
      { AUDIT_SINKS: 'stdout,file:/var/log/a.log' },
      [{ kind: 'stdout' }, { kind: 'file', path: '/var/log/a.log' }],
    ],
    ['STATE_KEYS', { STATE_KEYS: stateKey }, [stateKeyBytes]],
    ['AUDIT_HMAC_KEY', { AUDIT_HMAC_KEY: hmacKey }, Buffer.from(hmacKey)],
    ...['hex' as const, 'base64' as const].map((form): [string, Env, unknown] => {
      const key = randomBytes(32).toString(form);
      return ['AUDIT_HMAC_KEY', { AUDIT_HMAC_KEY: key }, Buffer.from(key)];
    }),
    ['NODE_ENV', { NODE_ENV: 'test' }, 'test'],
  ])('%s of %j', (name, env, value) => {
    expect(loadConfig(env)).toHaveProperty(name, value);
  });
});

describe('a value that is refused by itself', () => {
  const evilHosts = [
    '*',
    '*.example.com',
    'https://a.example',
    'a.example/x',
    'evil.com@localhost',
    'a b',
    '127.1',
    '2130706433',
  ];
  const evilOrigins = [
    '*',
    'null',
    'https://a.example/',
    'https://a.example/x',
    'a.example',
    'https://A.example',
    'https://a.example:443',
    'https://u@a.example',
    'file://x',
    'chrome-extension://*',
    '*://localhost',
    'tauri://localhost/',
    'tauri://local*',
    'data:text/html,x',
  ];
  const evilProxies = [
    '0.0.0.0/0',
    '::/0',
    '0.0.0.0/1',
    '::/7',
    '::ffff:0:0/96',
    '::ffff:10.0.0.0/104',
    '10.0.0.1',
    'all',
    '10.0.0.0/33',
    '*',
    'none,10.0.0.0/8',
  ];
  const evilUrls = [
    'mcp.example.com',
    'ftp://a.example/mcp',
    'https://u:p@a.example/mcp',
    'https://a.example/mcp?x=1',
    'https://a.example/mcp#x',
    'https://a.example/:id',
    'https://a.example/mcp/',
    'https://a.example/.well-known/x',
  ];
  const table: Record<string, readonly string[]> = {
    NODE_ENV: ['staging', 'Production'],
    PORT: ['-1', '65536', '3e3', '80.5', 'tcp://10.0.0.1:80'],
    HOST: ['[::1]', 'localhost:3000', '127.1', '*', 'http://localhost'],
    PUBLIC_URL: evilUrls,
    ALLOWED_HOSTS: [...evilHosts, 'a.example,', 'a.example:0', 'a.example:65536', 'a.example:080'],
    ALLOWED_ORIGINS: evilOrigins,
    TRUSTED_PROXIES: evilProxies,
    AUTH: ['oauth', 'none,jwt', 'JWT', 'api-key,'],
    RATE_LIMIT_IP: ['600', '0/60s', '600/0s', '600/60', '600/1d', '-1/60s', '1/9999h'],
    MAX_BODY_BYTES: ['0', '1mb', '1e6', 'Infinity'],
    TOOL_TIMEOUT_MS: ['0', '60s', '2147483648'],
    SESSION_IDLE_MS: ['2147483648'],
    AUDIT_SINKS: ['file:', 'stderr', 'stdout,', '/var/log/a'],
    AUDIT_MODE: ['off', 'none'],
    AUDIT_HMAC_KEY: [
      'short',
      'x'.repeat(44),
      'abcd'.repeat(11),
      '12345678'.repeat(4),
      'correct horse battery staple '.repeat(2),
      `${'a'.repeat(36)}bcdefghi`,
    ],
    STATE_KEYS: [
      Buffer.alloc(32, 7).toString('base64url'),
      Buffer.from('abcdefgh'.repeat(4)).toString('base64url'),
      Buffer.concat([randomBytes(16)].flatMap((half) => [half, half])).toString('base64url'),
      Buffer.concat([Buffer.alloc(20), randomBytes(12)]).toString('base64url'),
      'short',
      `${stateKey}=`,
      `${stateKey},`,
      `${stateKey.slice(0, 42)}-`,
    ],
    LEGACY_SSE: ['1', 'yes', 'TRUE'],
    CHALLENGE_SCOPES: ['none', 'ALL'],
    REQUIRED_SCOPES: ['a"b', 'a\\b', 'a é'],
    API_KEYS_FILE: ['/does/not/exist', folder],
    TLS_CERT_FILE: ['/does/not/exist'],
    REDIS_CA_FILE: ['/does/not/exist'],
    LOG_LEVEL: ['verbose'],
    STORE_FAILURE: ['open'],
    REPLICAS: ['0', 'two'],
  };
  const jwtTable: Record<string, readonly string[]> = {
    JWT_ISSUERS: [
      'http://id.example.com',
      'id.example.com',
      'https://id.example.com?x=1',
      'https://u@id.example.com',
    ],
    JWT_JWKS_URL: ['http://id.example.com/jwks', 'file:///etc/keys'],
    JWT_ALGORITHMS: ['HS256', 'none', 'ES256,HS512', 'None'],
    JWT_CLOCK_TOLERANCE_S: ['301', '-1', '5s'],
    JWT_SCOPE_CLAIMS: ['scope scp', 'scope,'],
    JWT_SCOPE_PREFIX: ['api://a b/', 'a"/'],
  };
  const introspectionTable: Record<string, readonly string[]> = {
    INTROSPECTION_URL: ['http://id.example.com/i', 'https://u:p@id.example.com/i'],
    INTROSPECTION_ISSUER: ['http://id.example.com', 'https://id.example.com?x=1'],
    INTROSPECTION_CLIENT_ID: ['é'],
    INTROSPECTION_CLIENT_SECRET: ['geheim\u0000'],
  };
  const rows = [
    ...Object.entries(introspectionTable).flatMap(([name, values]) =>
      values.map((value) => [name, value, INTROSPECTION] as const),
    ),
    ...Object.entries(table).flatMap(([name, values]) => values.map((value) => [name, value, {}] as const)),
    ...Object.entries(jwtTable).flatMap(([name, values]) =>
      values.map((value) => [name, value, JWT] as const),
    ),
  ];

  test.each(rows)('%s=%s', (name, value, env: Env) => {
    expect(atFault({ ...env, [name]: value })).toContain(name);
  });
});

describe('a combination that is refused', () => {
  test.each<[string, string, Env]>([
    ['a reachable HOST without ALLOWED_HOSTS', 'ALLOWED_HOSTS', { HOST: '0.0.0.0', API_KEYS_FILE: keysFile }],
    [
      'a reachable HOST without authentication',
      'AUTH',
      { HOST: '192.0.2.1', AUTH: 'none', ALLOWED_HOSTS: 'a.example' },
    ],
    [
      'a host name that is not loopback, without authentication',
      'AUTH',
      { HOST: 'my-machine', AUTH: 'none', ALLOWED_HOSTS: 'a.example' },
    ],
    [
      'a reachable HOST with api-key and no keys',
      'API_KEYS_FILE',
      { HOST: '::', ALLOWED_HOSTS: 'a.example' },
    ],
    ['production without authentication', 'AUTH', { ...PRODUCTION, AUTH: 'none' }],
    [
      'production on loopback without authentication',
      'AUTH',
      { ...PRODUCTION, HOST: '127.0.0.1', AUTH: 'none' },
    ],
    [
      'production with an http PUBLIC_URL',
      'PUBLIC_URL',
      { ...PRODUCTION, PUBLIC_URL: 'http://mcp.example.com/mcp' },
    ],
    ['production without PUBLIC_URL', 'PUBLIC_URL', without(PRODUCTION, 'PUBLIC_URL')],
    [
      'production without ALLOWED_HOSTS',
      'ALLOWED_HOSTS',
      { ...without(PRODUCTION, 'ALLOWED_HOSTS'), HOST: '127.0.0.1' },
    ],
    ['production without TRUSTED_PROXIES', 'TRUSTED_PROXIES', without(PRODUCTION, 'TRUSTED_PROXIES')],
    [
      'production with api-key and no keys',
      'API_KEYS_FILE',
      { ...without(PRODUCTION, 'API_KEYS_FILE'), HOST: '127.0.0.1' },
    ],
    ['jwt without issuers', 'JWT_ISSUERS', { AUTH: 'jwt' }],
    ['JWT_ISSUERS without jwt', 'JWT_ISSUERS', { JWT_ISSUERS: 'https://id.example.com' }],
    ['JWT_JWKS_URL without jwt', 'JWT_JWKS_URL', { JWT_JWKS_URL: 'https://id.example.com/jwks' }],
    ['JWT_AUDIENCE without jwt', 'JWT_AUDIENCE', { JWT_AUDIENCE: 'x' }],
    ['JWT_ALGORITHMS without jwt', 'JWT_ALGORITHMS', { JWT_ALGORITHMS: 'ES256' }],
    ['JWT_CLOCK_TOLERANCE_S without jwt', 'JWT_CLOCK_TOLERANCE_S', { JWT_CLOCK_TOLERANCE_S: '5' }],
    ['JWT_SCOPE_CLAIMS without jwt', 'JWT_SCOPE_CLAIMS', { JWT_SCOPE_CLAIMS: 'roles' }],
    ['introspection without the rest', 'INTROSPECTION_URL', { AUTH: 'introspection' }],
    [
      'introspection without its secret',
      'INTROSPECTION_CLIENT_SECRET',
      without(INTROSPECTION, 'INTROSPECTION_CLIENT_SECRET'),
    ],
    [
      'INTROSPECTION_URL without introspection',
      'INTROSPECTION_URL',
      { INTROSPECTION_URL: 'https://id.example.com/i' },
    ],
    [
      'JWT_ISSUERS with introspection alone',
      'JWT_ISSUERS',
      { ...INTROSPECTION, JWT_ISSUERS: 'https://id.example.com' },
    ],
    ['JWT_SCOPE_PREFIX without jwt', 'JWT_SCOPE_PREFIX', { JWT_SCOPE_PREFIX: 'api://id/' }],
    [
      'one key set for several issuers',
      'JWT_JWKS_URL',
      { ...JWT, JWT_ISSUERS: 'https://a.example,https://b.example', JWT_JWKS_URL: 'https://a.example/jwks' },
    ],
    ['a result that the heap could not hold', 'MAX_RESULT_BYTES', { MAX_RESULT_BYTES: '99999999999' }],
    ['a certificate without its key', 'TLS_KEY_FILE', { TLS_CERT_FILE: tls.TLS_CERT_FILE }],
    ['a key without its certificate', 'TLS_KEY_FILE', { TLS_KEY_FILE: tls.TLS_KEY_FILE }],
    ['a certificate that is not PEM', 'TLS_KEY_FILE', { ...tls, TLS_CERT_FILE: keysFile }],
    [
      'a certificate of another key',
      'TLS_KEY_FILE',
      { ...tls, TLS_KEY_FILE: file('other.pem', selfSignedCertificate().key) },
    ],
    ['a certificate and an http PUBLIC_URL', 'PUBLIC_URL', { ...tls, PUBLIC_URL: 'http://a.example/mcp' }],
    ['both listeners on one port', 'ADMIN_PORT', { PORT: '9464' }],
    ['a tool that may outlive the shutdown', 'TOOL_TIMEOUT_MS', { TOOL_TIMEOUT_MS: '65001' }],
    ['replicas without a shared store', 'REDIS_URL', { REPLICAS: '2', STATE_KEYS: stateKey }],
    ['replicas without shared keys', 'STATE_KEYS', { REPLICAS: '2' }],
    ['replicas with HTTP+SSE', 'LEGACY_SSE', { REPLICAS: '2', LEGACY_SSE: 'true', STATE_KEYS: stateKey }],
    [
      'one path for both transports',
      'PUBLIC_URL',
      { LEGACY_SSE: 'true', PUBLIC_URL: 'http://localhost:3000/sse' },
    ],
  ])('%s', (_promise, variable, env) => {
    expect(atFault(env)).toContain(variable);
  });

  test('one rule broken is one problem: nothing else is blamed', () => {
    expect(atFault({ ...PRODUCTION, PUBLIC_URL: 'http://mcp.example.com/mcp' })).toEqual(['PUBLIC_URL']);
    expect(atFault({ AUTH: 'jwt' })).toEqual(['JWT_ISSUERS']);
    expect(atFault({ TOOL_TIMEOUT_MS: '65001' })).toEqual(['TOOL_TIMEOUT_MS']);
  });

  test('HTTP+SSE is served by one process, on paths of its own', () => {
    expect(atFault({ LEGACY_SSE: 'true' })).toEqual([]);
    expect(atFault({ LEGACY_SSE: 'false', PUBLIC_URL: 'http://localhost:3000/sse' })).toEqual([]);
  });

  test('a rule is not judged by a value that is wrong by itself', () => {
    expect(atFault({ AUTH: 'jtw', JWT_ISSUERS: 'https://id.example.com' })).toEqual(['AUTH']);
  });
});

describe('problems', () => {
  test('all of them come at once, each with its variable', () => {
    const env = {
      PORT: 'x',
      ALLOWED_ORIGINS: '*',
      ALOWED_HOSTS: 'a',
      REPLICAS: '2',
      AUDIT_HMAC_KEY_FILE: '/none',
    };
    const load = () => loadConfig(env);
    expect(load).toThrow(ConfigError);
    const expected = [
      'ALOWED_HOSTS',
      'AUDIT_HMAC_KEY_FILE',
      'PORT',
      'ALLOWED_ORIGINS',
      'REDIS_URL',
      'STATE_KEYS',
    ];
    expect(atFault(env)).toEqual(expected);
    for (const name of expected) expect(load).toThrow(name);
  });

  test('never contain the value, whatever the variable', () => {
    const names = Object.keys(Variables.shape);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.stringMatching(/^[!-~]{0,20}$/), (name, tail) => {
        const value = `s3cr3t-${tail}`;
        for (const env of [
          { [name]: value },
          { ...PRODUCTION, [name]: value },
          { [`${name}_FILE`]: value },
        ]) {
          const shown = JSON.stringify(readConfig(env).problems);
          expect(shown).not.toContain('s3cr3t');
        }
      }),
    );
  });
});

test('a setting without a value is called required, in words and not in types', () => {
  const form = z.object({ REMINDER_URL: z.url(), REMINDER_TOKEN: z.string().min(16) });
  const { problems } = readConfig({ REMINDER_TOKEN: 'short' }, form);

  expect(problems).toEqual([
    { variable: 'REMINDER_URL', message: 'required: set it' },
    { variable: 'REMINDER_TOKEN', message: expect.not.stringContaining('required') },
  ]);
});

describe('secrets', () => {
  test.each(['STATE_KEYS', 'AUDIT_HMAC_KEY', 'REDIS_URL'])(
    '%s can come from a file, its line end left out',
    (name) => {
      const text =
        { STATE_KEYS: stateKey, AUDIT_HMAC_KEY: hmacKey, REDIS_URL: 'redis://redis.example' }[name] ?? '';
      const env = { [`${name}_FILE`]: file(name, `${text}\n`) };
      expect(readConfig(env).config).toHaveProperty(
        name,
        readConfig({ [name]: text }).config[name as 'REDIS_URL'],
      );
    },
  );

  test.each<[string, Env]>([
    ['missing', { STATE_KEYS_FILE: '/does/not/exist' }],
    ['empty', { STATE_KEYS_FILE: file('empty', '\n') }],
    ['given beside the value itself', { STATE_KEYS: stateKey, STATE_KEYS_FILE: file('key', stateKey) }],
  ])('a secret file that is %s is refused, and no random key takes its place', (_case, env) => {
    expect(atFault(env)).toEqual(['STATE_KEYS_FILE']);
  });

  test('what is not secret has no file form', () => {
    expect(loadConfig({ HOST_FILE: file('host', '0.0.0.0') }).HOST).toBe('127.0.0.1');
  });

  test('do not print with the configuration, not even after atPort', () => {
    const key = 'very-secret-key-of-thirty-two-characters';
    const config = atPort(loadConfig({ PORT: '0', AUDIT_HMAC_KEY: key, STATE_KEYS: stateKey }), 4711);
    const printed = [
      JSON.stringify(config),
      JSON.stringify({ config }),
      inspect(config, { depth: 9 }),
    ].join();
    for (const secret of [
      key,
      Buffer.from(key).toString('hex').slice(0, 8),
      stateKey,
      '07, 07',
      '7,7,7',
      '118,101,114',
    ]) {
      expect(printed).not.toContain(secret);
    }
    expect(config.AUDIT_HMAC_KEY.toString()).toBe(key);
  });
});

describe('a misspelt variable', () => {
  test.each([
    ['ALLOWED_ORIGIN', 'ALLOWED_ORIGINS'],
    ['ALOWED_HOSTS', 'ALLOWED_HOSTS'],
    ['ALLWOED_HOSTS', 'ALLOWED_HOSTS'],
    ['JWT_AUDIENCES', 'JWT_AUDIENCE'],
    ['RATE_LIMITS_IPS', 'RATE_LIMIT_IP'],
    ['AUHT', 'AUTH'],
    ['AUTHS', 'AUTH'],
    ['HOTS', 'HOST'],
    ['NODE_EVN', 'NODE_ENV'],
    ['API_KEY_FILE', 'API_KEYS_FILE'],
    ['STATE_KEY_FILE', 'STATE_KEYS_FILE'],
  ])('%s is refused, naming %s', (name, meant) => {
    const { problems } = readConfig({ [name]: 'none' });
    expect(problems.map(({ variable }) => variable)).toEqual([name]);
    expect(problems[0]?.message).toContain(meant);
  });

  test('is never one that other software sets', () => {
    const names = `HOSTNAME HOSTTYPE HOME PATH PWD OLDPWD SHELL SHLVL TERM TERM_PROGRAM USER LOGNAME LANG LC_ALL TZ TMPDIR EDITOR
      MAIL LESS CI DEBUG NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_VERSION YARN_VERSION NO_COLOR FORCE_COLOR NO_PROXY HTTP_PROXY
      HTTPS_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR SSH_AUTH_SOCK XAUTHORITY DISPLAY DOCKER_HOST KUBECONFIG PORT0 PORT1 PORTS
      REDIS_PORT REDIS_HOST REDIS_PASSWORD REDIS_SERVICE_HOST REDIS_SERVICE_PORT REDIS_PORT_6379_TCP REDIS_PORT_6379_TCP_ADDR
      KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT POD_NAME POD_IP HOST_IP NODE_NAME NODE_IP SERVICE_PORT
      DATABASE_URL DATABASE_HOST API_URL API_KEY BASE_URL JWT_SECRET AUTH0_DOMAIN AWS_REGION GITHUB_TOKEN INIT_CWD COLORTERM
      OTEL_EXPORTER_OTLP_HEADERS OTEL_SERVICE_NAME OTEL_LOG_LEVEL npm_config_port npm_lifecycle_event MEMORY_PRESSURE_WRITE
      INVOCATION_ID JOURNAL_STREAM LISTEN_FDS XPC_SERVICE_NAME WSLENV OS COMSPEC PATHEXT PROMPT TEMP APPDATA HOMEDRIVE HOMEPATH`;
    expect(atFault(Object.fromEntries(names.split(/\s+/).map((name) => [name, 'x'])))).toEqual([]);
  });

  test('is not a port that Kubernetes injects for a Service of nearly our name', () => {
    const injected = {
      ADMINS_PORT: 'tcp://10.0.0.1:80',
      ADMINS_SERVICE_HOST: '10.0.0.1',
      ADMINS_SERVICE_PORT: '80',
    };
    expect(atFault(injected)).toEqual([]);
    expect(atFault(without(injected, 'ADMINS_SERVICE_HOST'))).toEqual(['ADMINS_PORT']);
  });

  test('ADMIN_PORT as a Kubernetes service link is named as one, with the fix', () => {
    const [name, service] = ['ADMIN_PORT', 'ADMIN'];
    const { problems } = readConfig({
      [name]: 'tcp://10.0.0.1:80',
      [`${service}_SERVICE_HOST`]: '10.0.0.1',
      [`${service}_SERVICE_PORT`]: '80',
      [`${name}_80_TCP_ADDR`]: '10.0.0.1',
    });

    expect(problems).toEqual([
      { variable: name, message: expect.stringContaining('enableServiceLinks: false') },
    ]);
    expect(problems[0]?.message).not.toContain('10.0.0.1');
  });
});

describe('atPort', () => {
  test('what was derived from the port follows the real one', () => {
    const config = atPort(loadConfig({ PORT: '0' }), 4711);
    expect(config).toMatchObject({
      PORT: 4711,
      ALLOWED_HOSTS: ['127.0.0.1:4711', 'localhost:4711', '[::1]:4711'],
      JWT_AUDIENCE: ['http://127.0.0.1:4711/mcp'],
    });
    expect(config.PUBLIC_URL.href).toBe('http://127.0.0.1:4711/mcp');
  });

  test('what was given stays', () => {
    const config = atPort(
      loadConfig({
        ...JWT,
        PORT: '0',
        PUBLIC_URL: 'https://a.example/mcp',
        JWT_AUDIENCE: 'x',
        ALLOWED_HOSTS: 'a.example',
      }),
      4711,
    );
    expect(config).toMatchObject({ ALLOWED_HOSTS: ['a.example'], JWT_AUDIENCE: ['x'] });
    expect(config.PUBLIC_URL.href).toBe('https://a.example/mcp');
  });
});
