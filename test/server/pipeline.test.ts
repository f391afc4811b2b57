/**
 * Every refusal that one process can give, from the outside: its answer, its one audit record, and how far the request
 * got. Each layer below leaves a trace that can be seen; a refused request has those of the layers before it, and none
 * of a later one.
 */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { AuditRecord } from '../../src/server/observe/audit-record.js';
import { REFUSAL_CODES, type RefusalCode } from '../../src/server/refusal.js';
import { StoreUnavailable, type Stores } from '../../src/server/stores/types.js';
import { AUDIENCE, startIssuer } from './identity/issuer.js';
import {
  type Answer,
  bodiless,
  call2026,
  callTool2025,
  type Change,
  ID,
  initialize,
  message2026,
  send,
  wire,
} from './pipeline/request.js';
import { closed, parseRaw } from '../helpers/raw-http.js';
import { ALLOWED_ORIGIN, KEYS, served, type ServedOptions, type TestServer } from './pipeline/server.js';

/** What each layer leaves behind, in the order of the layers; `nothing` is for what Node's parser refuses. */
const TRACES = {
  nothing: () => true,
  securityHeaders: ({ headers }: Answer) => 'content-security-policy' in headers,
  cors: ({ headers }: Answer) => String(headers['vary']).includes('Origin'),
  rateLimitAddress: ({ headers }: Answer) => /"address"/.test(headers['ratelimit'] ?? ''),
  authenticate: (_: Answer, record: AuditRecord) => record.caller !== undefined,
  rateLimitCaller: ({ headers }: Answer) => /"caller"/.test(headers['ratelimit'] ?? ''),
  jsonBody: (_: Answer, { bytesIn = 0 }: AuditRecord) => bytesIn > 0,
  envelope: (_: Answer, record: AuditRecord) => record['mcp.era'] !== undefined,
  authorize: (_: Answer, record: AuditRecord) => record['gen_ai.tool.name'] !== undefined,
} as const;
type Trace = keyof typeof TRACES;
const ORDER = Object.keys(TRACES) as readonly Trace[];

/** Refusals by which the envelope ends a message whose id it has read; later ones carry the id too. */
const WITH_ID: readonly RefusalCode[] = ['header_mismatch', 'unsupported_version'];

interface Expected {
  readonly code: RefusalCode;
  readonly status: number;
  /** The last layer that left a trace. */
  readonly reached: Trace;
  /** Whether the id of the JSON-RPC request was known. */
  readonly hasId: boolean;
}

/** What is sent first, on the same server; what it returns replaces `{session}` in the request's headers. */
type Before = (server: TestServer) => Promise<string | void>;

interface Circumstances extends ServedOptions {
  readonly before?: Before;
}

const refused = new Set<RefusalCode>();

/** A table of requests, each refused alike. */
function refuses(
  code: RefusalCode,
  status: number,
  reached: Trace,
  changes: Readonly<Record<string, Change>>,
  { before, ...options }: Circumstances = {},
): void {
  refused.add(code);
  describe(`${code} (${status}), after ${reached}`, () => {
    test.each(Object.entries(changes))('%s', async (_name, change) => {
      const { result, records, ran } = await served(options, async (server) => {
        const session = await before?.(server);
        return send(server.port, session ? withSession(change, session) : change);
      });

      expectRefusal(result, records, { code, status, reached, hasId: hasId(code, reached, change) });
      expect(ran).toEqual(before === spend ? ['record'] : []);
    });
  });
}

function hasId(code: RefusalCode, reached: Trace, { method = 'POST', body }: Change): boolean {
  if (code === 'malformed_message' && reached === 'jsonBody') return (body as { id?: unknown }).id === ID;
  return method === 'POST' && (WITH_ID.includes(code) || ORDER.indexOf(reached) >= ORDER.indexOf('envelope'));
}

function expectRefusal(answer: Answer, records: readonly AuditRecord[], expected: Expected): void {
  const { code, status, reached } = expected;
  const requestId = answer.headers['x-request-id'] ?? 'none';
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...REQUIRED_HEADERS[status],
  });
  const { jsonrpc, id, error } = JSON.parse(answer.text);
  expect({ jsonrpc, id }).toEqual({
    jsonrpc: '2.0',
    id: expected.hasId ? ID : null,
  });
  expect(error.data).toMatchObject({ code, requestId });
  // Rejected values are spelt with `evil` wherever their grammar allows it.
  expect(answer.received).not.toMatch(/evil|mcp_dev_|2130706433|node_modules|\.[jt]s\b|\n {4}at |pipeline-/i);

  const own = records.filter((record) => record.requestId === requestId);
  // Only a running tool can find out that it has to ask, so its `received` record is written by then.
  expect(own.map(({ stage }) => stage)).toEqual(
    code === 'missing_capability' ? ['received', 'completed'] : ['completed'],
  );
  const record = own.at(-1) as AuditRecord;
  expect(record).toMatchObject({
    'http.status': status,
    decision: 'deny',
    reason: code,
    'rpc.code': error.code,
  });
  const reaches = ORDER.slice(0, ORDER.indexOf(reached) + 1);
  const hasBody = record['http.method'] !== 'GET';
  expect(ORDER.filter((trace) => TRACES[trace](answer, record))).toEqual(
    reaches.filter((trace) => trace !== 'jsonBody' || hasBody),
  );
}

const REQUIRED_HEADERS: Readonly<Record<number, object>> = {
  401: { 'www-authenticate': expect.stringMatching(/^Bearer /) },
  405: { allow: expect.stringContaining('POST') },
  429: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/), ratelimit: expect.stringMatching(/;r=\d/) },
  503: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
};

const withHeader = (name: string, value: string | readonly string[] | null, more: Change = {}): Change => ({
  ...more,
  headers: { ...more.headers, [name]: value },
});
const withBody = (body: string | Buffer | object): Change => ({ body });

function withSession(change: Change, session: string): Change {
  return withHeader('Mcp-Session-Id', session, change);
}

const openSession: Before = async ({ port }) =>
  (await send(port, initialize)).headers['mcp-session-id'] ?? '';
const openForeignSession: Before = async ({ port }) => {
  const { headers } = await send(port, withHeader('Authorization', `Bearer ${KEYS.other}`, initialize));
  return headers['mcp-session-id'] ?? '';
};
/** One good call, which takes the last point where the limit is one. */
const spend: Before = async ({ port }) => void (await send(port));
const failOnce: Before = async ({ port }) => void (await send(port, bearer(KEYS.unknown)));

const bearer = (credential: string) => withHeader('Authorization', `Bearer ${credential}`);

test('the request that all others spoil passes every layer, and its tool runs', async () => {
  const { result, records, ran } = await served({}, ({ port }) => send(port));

  expect(result.status).toBe(200);
  expect(ran).toEqual(['record']);
  expect(records.map(({ stage, decision }) => [stage, decision])).toEqual([
    ['received', 'allow'],
    ['completed', 'allow'],
  ]);
  const completed = records[1] as AuditRecord;
  expect(ORDER.filter((trace) => TRACES[trace](result, completed))).toEqual(ORDER);
});

refuses('malformed_request', 400, 'nothing', {
  'no HTTP': { raw: 'evil\r\n\r\n' },
  'a broken header': { raw: 'POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nEvil Header: x\r\n\r\n' },
  'a length that is none': withHeader('Content-Length', 'evil'),
  'two lengths': withHeader('Content-Length', ['2', '3']),
  'a length and chunks': withHeader('Transfer-Encoding', 'chunked'),
  CONNECT: { raw: 'CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n' },
  'two spaces in the request line': { raw: 'POST  /evil HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n' },
  'HTTP/2.0': { raw: 'POST /evil HTTP/2.0\r\nHost: 127.0.0.1:{port}\r\n\r\n' },
  'HTTP/0.9': { raw: 'GET /evil HTTP/0.9\r\nHost: 127.0.0.1:{port}\r\n\r\n' },
});
refuses('malformed_request', 417, 'nothing', { 'an expectation': withHeader('Expect', 'evil') });
refuses('malformed_request', 431, 'nothing', {
  'long headers': {
    raw: `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Evil: ${'x'.repeat(20_000)}\r\n\r\n`,
  },
});
refuses('malformed_request', 400, 'cors', {
  'an upgrade': {
    headers: { Connection: 'Upgrade, close', Upgrade: 'websocket', 'Content-Length': null },
    body: '',
    method: 'GET',
  },
  'an upgrade that the connection does not name': withHeader('Upgrade', 'websocket'),
});
refuses('malformed_request', 501, 'cors', {
  'a transfer coding': {
    headers: { 'Content-Length': null, 'Transfer-Encoding': 'evil, chunked' },
    body: '2\r\n{}\r\n0\r\n\r\n',
  },
});
refuses('malformed_request', 400, 'securityHeaders', {
  'a Host with nothing in it': withHeader('Host', ''),
  'two Hosts, both allowed': withHeader('Host', ['localhost:{port}', '127.0.0.1:{port}']),
  'two Hosts, the second evil': withHeader('Host', ['localhost:{port}', 'evil.com']),
  'no Host': withHeader('Host', null),
  'no Host, in HTTP/1.0': withHeader('Host', null, { httpVersion: '1.0' }),
});

refuses('host_not_allowed', 403, 'securityHeaders', {
  'another name': withHeader('Host', 'evil.com'),
  'another port': withHeader('Host', '127.0.0.1:1'),
  'no port': withHeader('Host', 'localhost'),
  'user information': withHeader('Host', 'evil.com@localhost:{port}'),
  'a path': withHeader('Host', 'localhost:{port}/evil'),
  'a fragment': withHeader('Host', 'localhost:{port}#evil'),
  'a short address': withHeader('Host', '127.1:{port}'),
  'a number for an address': withHeader('Host', '2130706433:{port}'),
  'a tab': withHeader('Host', 'local\thost:{port}'),
  'percent-encoding': withHeader('Host', '%6cocalhost:{port}'),
  'a final dot': withHeader('Host', 'localhost.:{port}'),
  'a name that begins alike': withHeader('Host', 'localhost:{port}.evil.com'),
  'absolute form with another host': { target: 'http://evil.com/mcp' },
  'absolute form with the same host': { target: 'http://127.0.0.1/mcp' },
  'absolute form without any host': { target: 'http://', headers: { Host: 'evil.com' } },
});

refuses('origin_not_allowed', 403, 'securityHeaders', {
  'another origin': withHeader('Origin', 'https://evil.example'),
  null: withHeader('Origin', 'null'),
  'another scheme': withHeader('Origin', 'http://console.example'),
  'another port': withHeader('Origin', `${ALLOWED_ORIGIN}:8443`),
  'a sub-domain': withHeader('Origin', 'https://evil.console.example'),
  'a longer name': withHeader('Origin', `${ALLOWED_ORIGIN}.evil.com`),
  'a path': withHeader('Origin', `${ALLOWED_ORIGIN}/`),
  'our own': withHeader('Origin', 'http://127.0.0.1:{port}'),
  'two, the second evil': withHeader('Origin', [ALLOWED_ORIGIN, 'https://evil.example']),
  'the allowed one twice': withHeader('Origin', [ALLOWED_ORIGIN, ALLOWED_ORIGIN]),
  'nothing in it': withHeader('Origin', ''),
});

refuses('not_found', 404, 'cors', {
  'another path': { target: '/evil' },
  'another case': { target: '/MCP' },
  'a final slash': { target: '/mcp/' },
  'a longer path': { target: '/mcp/evil' },
  'percent-encoding': { target: '/%6dcp' },
  'two slashes': { target: '//mcp' },
  dots: { target: '/evil/../mcp' },
  'a parameter': { target: '/mcp;evil' },
  'metadata where no token is accepted': { target: '/.well-known/oauth-protected-resource' },
  'a probe, which the admin listener answers': { target: '/livez', ...bodiless('GET') },
});
refuses('method_not_allowed', 405, 'cors', {
  TRACE: { method: 'TRACE' },
  PUT: { method: 'PUT' },
  'OPTIONS that is no preflight': bodiless('OPTIONS'),
  'an overriding method': withHeader('X-HTTP-Method-Override', 'DELETE'),
  'another name of it': withHeader('X-HTTP-Method', 'EVIL'),
  'a third': withHeader('X-Method-Override', 'EVIL'),
});
refuses('method_not_allowed', 405, 'rateLimitCaller', {
  'GET in revision 2026-07-28': bodiless('GET', {
    Accept: 'text/event-stream',
    'MCP-Protocol-Version': '2026-07-28',
  }),
});

refuses(
  'rate_limited',
  429,
  'rateLimitAddress',
  { 'the address': {} },
  { env: { RATE_LIMIT_IP: '1/60s' }, before: spend },
);
refuses(
  'rate_limited',
  429,
  'rateLimitAddress',
  { 'failed authentication': bearer(KEYS.unknown) },
  { env: { RATE_LIMIT_AUTH_FAILURES: '1/60s' }, before: failOnce },
);
refuses(
  'rate_limited',
  429,
  'rateLimitCaller',
  { 'the caller': {} },
  { env: { RATE_LIMIT_CALLER: '1/60s' }, before: spend },
);
refuses(
  'rate_limited',
  429,
  'authorize',
  { 'what a tool costs': call2026('costly') },
  { env: { RATE_LIMIT_CALLER: '3/60s' } },
);

refuses('credentials_missing', 401, 'rateLimitAddress', {
  'no credential': withHeader('Authorization', null),
  'a key in the query': withHeader('Authorization', null, { target: `/mcp?api_key=${KEYS.good}` }),
  'a key in a cookie': { headers: { Authorization: null, Cookie: `access_token=${KEYS.good}` } },
  'a key in the body': withHeader('Authorization', null, withBody({ access_token: KEYS.good })),
});
refuses('credentials_invalid', 401, 'rateLimitAddress', {
  'an unknown key': bearer(KEYS.unknown),
  'a wrong secret': bearer(KEYS.wrongSecret),
  'a wrong checksum': bearer(KEYS.badChecksum),
  'an expired key': bearer(KEYS.expired),
  'a revoked key': bearer(KEYS.revoked),
  'no key': bearer('evil'),
  'another scheme': withHeader('Authorization', `Basic ${KEYS.good}`),
  'a kind that is not accepted': bearer('ZXZpbA.ZXZpbA.ZXZpbA'),
});
refuses('credentials_ambiguous', 400, 'rateLimitAddress', {
  'two Authorization headers': withHeader('Authorization', [`Bearer ${KEYS.good}`, `Bearer ${KEYS.good}`]),
  'a second one that is bad': withHeader('Authorization', [`Bearer ${KEYS.good}`, 'Bearer evil']),
  'Authorization and X-Api-Key': withHeader('X-Api-Key', KEYS.good),
  'two joined by a comma': bearer(`${KEYS.good},${KEYS.good}`),
});

refuses('not_acceptable', 406, 'rateLimitCaller', {
  'no Accept': withHeader('Accept', null),
  'an empty one': withHeader('Accept', ''),
  'JSON only': withHeader('Accept', 'application/json'),
  'a stream only': withHeader('Accept', 'text/event-stream'),
  'something else': withHeader('Accept', 'text/evil'),
  'nothing, by weight': withHeader('Accept', '*/*;q=0'),
});
refuses('unsupported_media_type', 415, 'rateLimitCaller', {
  'no Content-Type': withHeader('Content-Type', null),
  'another type': withHeader('Content-Type', 'text/evil'),
  'a form': withHeader('Content-Type', 'application/x-www-form-urlencoded'),
  'another charset': withHeader('Content-Type', 'application/json; charset=utf-16'),
  'a compressed body': withHeader('Content-Encoding', 'gzip'),
  'two codings': withHeader('Content-Encoding', 'identity, evil'),
});

refuses('body_too_large', 413, 'rateLimitCaller', { 'by its declared length': withBody('x'.repeat(2001)) });
refuses('body_too_large', 413, 'jsonBody', {
  'counted while it streams': {
    headers: { 'Transfer-Encoding': 'chunked', 'Content-Length': null },
    body: `7d1\r\n${'x'.repeat(2001)}\r\n0\r\n\r\n`,
  },
});
refuses('malformed_json', 400, 'jsonBody', {
  'no JSON': withBody('evil'),
  'cut off': withBody('{"evil":'),
  'too deep': withBody('['.repeat(9) + ']'.repeat(9)),
  'too many members': withBody(`{"evil":{${Array.from({ length: 100 }, (_, i) => `"${i}":1`).join()}}}`),
  'too many elements': withBody(`{"evil":[${'1,'.repeat(100)}1]}`),
  'a repeated key': withBody('{"jsonrpc":"2.0","method":"evil","method":"ping"}'),
  'a repeated key in other letters': withBody('{"evil":1,"\\u0065vil":2}'),
  'a key that reaches the prototype': withBody('{"__proto__":{"evil":1}}'),
  'a constructor with a prototype': withBody('{"constructor":{"prototype":{"evil":1}}}'),
  'not UTF-8': withBody(Buffer.from([0x22, 0xff, 0x22])),
  'a byte order mark': withBody('\uFEFF{}'),
});

refuses('malformed_message', 400, 'jsonBody', {
  'a batch': withBody([message2026('tools/call', { name: 'record' })]),
  'an empty batch': withBody([]),
  'a text': withBody('"evil"'),
  'another JSON-RPC': withBody({ jsonrpc: 'evil', id: ID, method: 'ping' }),
  'a null id': withBody({ jsonrpc: '2.0', id: null, method: 'ping' }),
  'no method': withBody({ jsonrpc: '2.0', id: ID }),
  'params that are a list': withBody({ jsonrpc: '2.0', id: ID, method: 'ping', params: ['evil'] }),
  'params that are null': withBody({ jsonrpc: '2.0', id: ID, method: 'ping', params: null }),
  'no answer of ours': withBody({ jsonrpc: '2.0', id: 'evil', result: 1 }),
});
refuses('header_mismatch', 400, 'jsonBody', {
  'another method': withHeader('Mcp-Method', 'evil'),
  'another name': withHeader('Mcp-Name', 'evil'),
  'no method': withHeader('Mcp-Method', null),
  'no name': withHeader('Mcp-Name', null),
  'no version': withHeader('MCP-Protocol-Version', null),
  'another version': withHeader('MCP-Protocol-Version', '2025-11-25'),
  'a false method in revision 2025-11-25': callTool2025({ 'Mcp-Method': 'evil' }),
  'a false name in revision 2025-11-25': callTool2025({ 'Mcp-Name': 'evil' }),
});
refuses('unsupported_version', 400, 'jsonBody', {
  'a revision that never was': callTool2025({ 'MCP-Protocol-Version': '1999-01-01' }),
  'a revision to come': {
    headers: { 'MCP-Protocol-Version': '2099-01-01' },
    body: JSON.stringify(call2026('record').body).replaceAll('2026-07-28', '2099-01-01'),
  },
});

refuses('insufficient_scope', 403, 'authorize', { 'a key that lacks it': bearer(KEYS.poor) });
refuses('not_found', 404, 'envelope', {
  'an unknown method in revision 2026-07-28': {
    headers: { 'Mcp-Method': 'tools/evil', 'Mcp-Name': null },
    body: message2026('tools/evil'),
  },
});
refuses('missing_capability', 400, 'authorize', { 'a tool that has to ask first': call2026('ask') });
refuses('session_required', 400, 'authorize', { 'a call without one': callTool2025() });
refuses('session_required', 400, 'envelope', {
  'a stream without one': bodiless('GET', { Accept: 'text/event-stream' }),
});
refuses('session_not_found', 404, 'authorize', {
  'an unknown one': callTool2025({ 'Mcp-Session-Id': 'evil' }),
});
refuses(
  'session_not_found',
  404,
  'authorize',
  { 'that of another caller': callTool2025() },
  { before: openForeignSession },
);
refuses(
  'malformed_message',
  400,
  'authorize',
  { 'another version than was negotiated': callTool2025({ 'MCP-Protocol-Version': '2025-06-18' }) },
  { before: openSession },
);
refuses(
  'too_many_sessions',
  429,
  'envelope',
  { 'one more': initialize },
  { env: { MAX_SESSIONS_PER_CALLER: '1' }, before: async (server) => void (await openSession(server)) },
);

const broken = (error: Error) => async () => {
  throw error;
};
const outage = broken(new StoreUnavailable('redis://evil-host:6379 refused'));
const brokenSessions = (stores: Stores): Stores => ({
  ...stores,
  sessions: {
    create: outage,
    get: outage,
    peek: outage,
    keep: outage,
    update: outage,
    delete: outage,
    count: outage,
    follow: () => ({ listening: Promise.resolve(), stop: () => {} }),
    onEnd: () => () => {},
    close: async () => {},
  },
});
const brokenLimits = (consume: () => Promise<never>) => (stores: Stores) => ({
  ...stores,
  rateLimits: { ...stores.rateLimits, limiter: () => ({ consume }) },
});
refuses(
  'store_unavailable',
  503,
  'cors',
  { 'limits that nobody counts': {} },
  { stores: brokenLimits(outage) },
);
refuses(
  'store_unavailable',
  503,
  'envelope',
  { 'a session that cannot be kept': initialize },
  { stores: brokenSessions },
);
refuses(
  'store_unavailable',
  503,
  'authorize',
  { 'a session that cannot be read': callTool2025({ 'Mcp-Session-Id': 'x' }) },
  { stores: brokenSessions },
);
refuses(
  'internal',
  500,
  'cors',
  { 'a bug': {} },
  { stores: brokenLimits(broken(new Error('evil at /srv/secret.ts'))) },
);

refuses(
  'too_many_streams',
  429,
  'envelope',
  { 'one more': bodiless('GET', { Accept: 'text/event-stream' }) },
  {
    env: { MAX_STREAMS_PER_CALLER: '1' },
    before: async (server) => {
      const session = await openSession(server);
      const headers = { Accept: 'text/event-stream', Connection: 'keep-alive' };
      const first = withSession(bodiless('GET', headers), String(session));
      const socket = net.connect(server.port, '127.0.0.1').on('error', () => {});
      socket.write(wire(server.port, first));
      await once(socket, 'data');
      return session;
    },
  },
);

test('overloaded (503), after cors: one call too many at a time', async () => {
  const { result, records, ran } = await served(
    { env: { MAX_CONNECTIONS: '1' } },
    async ({ port, events }) => {
      const socket = net.connect(port, '127.0.0.1');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      const first = wire(port, withHeader('Connection', 'keep-alive', call2026('wait')));
      // Answers of one connection come in order: the refusal waits behind the call that it may not join.
      // Its path is wrong too, which nobody looks at any more.
      socket.write(Buffer.concat([first, wire(port, { target: '/evil' })]));
      await once(events, 'waiting');
      events.emit('release');
      await closed(socket);
      const received = Buffer.concat(chunks).toString();
      return received.slice(received.lastIndexOf('HTTP/1.1'));
    },
  );

  expectRefusal({ ...parseRaw(result), received: result }, records, {
    code: 'overloaded',
    status: 503,
    reached: 'cors',
    hasId: false,
  });
  expect(ran).toEqual(['wait']);
});

test('audit_unavailable (503), before any other layer: no sink takes records; they are written when one does', async () => {
  const auditFile = (folder: string) => join(folder, 'absent', 'audit.jsonl');
  const { result, records, ran } = await served({ auditFile }, async ({ port, folder, logged }) => {
    await logged('audit sink failing');
    const answer = await send(port);
    await mkdir(dirname(auditFile(folder)));
    await logged('audit sink recovered');
    return answer;
  });

  expectRefusal(result, records, {
    code: 'audit_unavailable',
    status: 503,
    reached: 'nothing',
    hasId: false,
  });
  expect(ran).toEqual([]);
});

test('issuer_unavailable (503), after rateLimitAddress: a good token whose issuer is away', async () => {
  const issuer = await startIssuer();
  const token = await issuer.sign();
  await issuer.close();
  const env = { AUTH: 'jwt,api-key', JWT_ISSUERS: issuer.url };

  const { result, records, ran } = await served({ env }, ({ port }) => send(port, bearer(token)));

  expectRefusal(result, records, {
    code: 'issuer_unavailable',
    status: 503,
    reached: 'rateLimitAddress',
    hasId: false,
  });
  expect(result.received).not.toContain(token);
  expect(result.received).not.toContain(issuer.url);
  expect(ran).toEqual([]);
});

test('a token of 12 KiB, with hundreds of groups, is as good as a short one', async () => {
  const issuer = await startIssuer();
  const claims = { scope: 'records:write', groups: 'g'.repeat(9000) };
  const token = await issuer.sign(claims);
  const env = { AUTH: 'jwt', JWT_ISSUERS: issuer.url, JWT_AUDIENCE: AUDIENCE };

  const { result, ran } = await served({ env }, ({ port }) => send(port, bearer(token)));
  await issuer.close();

  expect(token.length).toBeGreaterThan(12_000);
  expect([result.status, ran]).toEqual([200, ['record']]);
});

test.each(['https://mcp.example', 'https://mcp.example/'])(
  'where PUBLIC_URL is %s, a token for it passes with and without the slash, and none for what lies below',
  async (PUBLIC_URL) => {
    const issuer = await startIssuer();
    const env = { AUTH: 'jwt', JWT_ISSUERS: issuer.url, PUBLIC_URL };
    const audiences = ['', '/', '//', '/mcp'].map((path) => `https://mcp.example${path}`);

    const { result } = await served({ env }, async ({ port }) => {
      const statuses: (number | undefined)[] = [];
      for (const aud of audiences) {
        const token = await issuer.sign({ aud, scope: 'records:write' });
        statuses.push((await send(port, { ...bearer(token), target: '/' })).status);
      }
      return statuses;
    });
    await issuer.close();

    expect(result).toEqual([200, 200, 401, 401]);
  },
);

test('no code of the closed set is missing here', () => {
  const single: RefusalCode[] = ['overloaded', 'audit_unavailable', 'issuer_unavailable'];

  expect([...refused, ...single].sort()).toEqual([...REFUSAL_CODES].sort());
});

test('a request with every fault is refused for the first of them, in the order of the layers', async () => {
  const faults: [RefusalCode, Change][] = [
    ['host_not_allowed', withHeader('Host', 'evil.com')],
    ['origin_not_allowed', withHeader('Origin', 'https://evil.example')],
    ['not_found', { target: '/evil' }],
    ['method_not_allowed', withHeader('X-HTTP-Method-Override', 'DELETE')],
    ['credentials_missing', withHeader('Authorization', null)],
    ['not_acceptable', withHeader('Accept', 'text/evil')],
    ['unsupported_media_type', withHeader('Content-Type', 'text/evil')],
    ['body_too_large', withBody(' '.repeat(2001))],
    ['malformed_json', withBody('evil')],
    ['malformed_message', withBody([])],
    ['header_mismatch', withHeader('Mcp-Name', 'evil')],
    ['insufficient_scope', bearer(KEYS.poor)],
  ];

  const { result, ran } = await served({}, async ({ port }) => {
    const codes: string[] = [];
    for (let mended = 0; mended < faults.length; mended += 1) {
      const { text } = await send(port, together(faults.slice(mended).map(([, change]) => change)));
      codes.push(JSON.parse(text).error.data.code);
    }
    return codes;
  });

  expect(result).toEqual(faults.map(([code]) => code));
  expect(ran).toEqual([]);
});

/** All changes at once; where two change the same, the first. */
function together(changes: readonly Change[]): Change {
  return changes.toReversed().reduce((all, change) => ({
    ...all,
    ...change,
    headers: { ...all.headers, ...change.headers },
  }));
}

test('every refused credential gets the same answer; only the audit knows why', async () => {
  const bad = [KEYS.unknown, KEYS.wrongSecret, KEYS.badChecksum, KEYS.expired, KEYS.revoked, 'nonsense'];

  const { result, records } = await served({}, async ({ port }) => {
    const answers: string[] = [];
    for (const key of bad) {
      const { received, headers } = await send(port, bearer(key));
      answers.push(anonymous(received).replaceAll(headers['x-request-id'] ?? '', 'ID'));
    }
    return answers;
  });

  expect(new Set(result).size).toBe(1);
  expect(records.map(({ detail }) => detail?.['reason'])).toEqual([
    'unknown_key',
    'wrong_secret',
    'bad_checksum',
    'expired',
    'revoked',
    'kind_not_accepted',
  ]);
});

/** Without what differs from one answer to the next: the time and the points left. */
function anonymous(received: string): string {
  return received.replace(/^(Date|RateLimit): .*\r\n/gim, '');
}

describe('a page of an allowed origin', () => {
  test.each<[RefusalCode, Change]>([
    ['not_found', { target: '/evil' }],
    ['credentials_missing', withHeader('Authorization', null)],
    ['not_acceptable', withHeader('Accept', null)],
    ['malformed_json', withBody('evil')],
    ['insufficient_scope', bearer(KEYS.poor)],
  ])('can read why it was refused: %s', async (code, change) => {
    const { result } = await served({}, ({ port }) =>
      send(port, withHeader('Origin', ALLOWED_ORIGIN, change)),
    );

    expect(JSON.parse(result.text).error.data.code).toBe(code);
    expect(result.headers).toMatchObject({
      'access-control-allow-origin': ALLOWED_ORIGIN,
      'access-control-expose-headers': expect.stringContaining('WWW-Authenticate'),
      vary: 'Origin',
    });
    expect(result.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  test('needs no credential for its preflight, which takes nothing from any limit', async () => {
    const preflight = bodiless('OPTIONS', {
      Authorization: null,
      Origin: ALLOWED_ORIGIN,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization, mcp-param-region',
    });

    const { result, records } = await served({}, ({ port }) => send(port, preflight));

    expect(result.status).toBe(204);
    expect(result.headers).toMatchObject({
      'access-control-allow-origin': ALLOWED_ORIGIN,
      'access-control-allow-headers': expect.stringMatching(/Authorization.*mcp-param-region/),
    });
    expect(result.headers).not.toHaveProperty('ratelimit');
    expect(records).toHaveLength(1);
    expect(records[0]).not.toHaveProperty('caller');
  });
});

describe('the metadata of the resource', () => {
  const env = { AUTH: 'jwt,api-key', JWT_ISSUERS: 'https://issuer.example' };
  const get = (method: string, headers = {}) => ({
    ...bodiless(method, { Authorization: null, Accept: null, ...headers }),
    target: '/.well-known/oauth-protected-resource/mcp',
  });

  test('needs no credential', async () => {
    const { result, records } = await served({ env }, ({ port }) => send(port, get('GET')));

    expect(result.status).toBe(200);
    expect(JSON.parse(result.text).authorization_servers).toEqual(['https://issuer.example']);
    expect(result.headers['ratelimit']).toMatch(/^"address"/);
    expect(records[0]).not.toHaveProperty('caller');
  });

  test('is behind the guards, and read only', async () => {
    const { result } = await served({ env }, async ({ port }) => [
      (await send(port, get('GET', { Host: 'evil.com' }))).status,
      (await send(port, get('GET', { Origin: 'https://evil.example' }))).status,
      (await send(port, get('POST'))).status,
      (await send(port, get('HEAD'))).status,
    ]);

    expect(result).toEqual([403, 403, 405, 200]);
  });
});

test('a flood of bad keys from an address never locks out a good key from the same address', async () => {
  const { result, ran } = await served({ env: { RATE_LIMIT_AUTH_FAILURES: '2/60s' } }, async ({ port }) => {
    const statuses: number[] = [];
    for (const key of [KEYS.unknown, KEYS.revoked, KEYS.unknown, KEYS.wrongSecret, KEYS.good, KEYS.unknown]) {
      statuses.push((await send(port, bearer(key))).status);
    }
    return statuses;
  });

  expect(result).toEqual([401, 401, 429, 429, 200, 429]);
  expect(ran).toEqual(['record']);
});

test('HEAD is 405 and, like every answer to it, has no body', async () => {
  const { result, records } = await served({}, ({ port }) => send(port, bodiless('HEAD')));

  expect(result).toMatchObject({ status: 405, text: '' });
  expect(records).toMatchObject([{ decision: 'deny', reason: 'method_not_allowed' }]);
});
