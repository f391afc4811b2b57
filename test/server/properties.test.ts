/** Whatever is sent: never a 5xx, never a crash, and every refusal is JSON with a code of the closed set. */
import net from 'node:net';
import { expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { closed, parseRaw } from '../helpers/raw-http.js';
import { ALLOWED_ORIGIN, KEYS, served, type TestServer } from './pipeline/server.js';
import { bodiless, type Change, initialize, message2026, send, wire } from './pipeline/request.js';
import { REFUSAL_CODES } from '../../src/server/refusal.js';

const RUNS = { numRuns: 200 };
jest.setTimeout(30_000); // many requests each, on a machine that may be busy
const NO_LIMITS = {
  RATE_LIMIT_IP: '1000000/60s',
  RATE_LIMIT_CALLER: '1000000/60s',
  RATE_LIMIT_AUTH_FAILURES: '1000000/60s',
  MAX_SESSIONS_PER_CALLER: '1000000',
};

/** Sends what `change` makes of arbitrary values, and then sees that the server is as well as before. */
async function holds<T>(
  values: fc.Arbitrary<T>,
  change: (value: T, session: string) => Change,
  deliver: (port: number, change: Change) => Promise<string> = async (port, one) =>
    (await send(port, one)).received,
): Promise<void> {
  await served({ env: NO_LIMITS }, async (server) => {
    const session = (await send(server.port, initialize)).headers['mcp-session-id'] ?? '';
    const property = fc.asyncProperty(values, async (value) => {
      expectNoHarm(await deliver(server.port, change(value, session)));
    });
    await fc.assert(property, RUNS);
    await expectWell(server);
  });
}

/** `100 Continue`, and the 102 that asks whether a client which stopped sending is still there. */
const INTERIM = /^(?:HTTP\/1\.1 1\d\d [\w ]+\r\n\r\n)+/;

function expectNoHarm(received: string): void {
  const { status, headers, text } = parseRaw(received.replace(INTERIM, ''));
  expect(status).toBeGreaterThanOrEqual(200);
  expect(status).toBeLessThan(500);
  if (status < 400) return;
  expect(headers['content-type']).toBe('application/json');
  const { jsonrpc, error } = JSON.parse(text);
  expect(jsonrpc).toBe('2.0');
  expect(REFUSAL_CODES).toContain(error.data.code);
  expect(error.data.requestId).toBe(headers['x-request-id']);
}

async function expectWell({ port, errors }: TestServer): Promise<void> {
  expect((await send(port)).status).toBe(200);
  expect(errors).toEqual([]);
}

test('any JSON in a body', () =>
  holds(fc.json({ maxDepth: 10 }), (body, session) => ({
    headers: body.length % 2 === 0 ? { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': null } : {},
    body,
  })));

const METHODS = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'prompts/get',
  'completion/complete',
  'logging/setLevel',
  'notifications/initialized',
  'notifications/cancelled',
  '__proto__',
  'constructor',
];
const anything = fc.anything({ maxDepth: 3, withNullPrototype: false });
const often = (usual: unknown) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: anything });
const maybe = { requiredKeys: [] as [] };

const meta = fc.record(
  {
    'io.modelcontextprotocol/protocolVersion': often('2026-07-28'),
    'io.modelcontextprotocol/clientCapabilities': often({ roots: {} }),
    'io.modelcontextprotocol/clientInfo': often({ name: 'n', version: '1' }),
    'io.modelcontextprotocol/logLevel': often('debug'),
    progressToken: often('token'),
  },
  maybe,
);
const params = fc.record(
  {
    name: fc.oneof(fc.constantFrom('record', 'costly', 'ask', 'toString'), anything),
    arguments: often({ a: 1 }),
    uri: often('test://nothing'),
    cursor: anything,
    level: often('info'),
    ref: often({ type: 'ref/prompt', name: 'p' }),
    requestState: anything,
    inputResponses: anything,
    protocolVersion: often('2025-11-25'),
    capabilities: often({}),
    clientInfo: often({ name: 'n', version: '1' }),
    _meta: fc.oneof({ weight: 4, arbitrary: meta }, { weight: 1, arbitrary: anything }),
  },
  maybe,
);
const message = fc.record(
  {
    jsonrpc: often('2.0'),
    id: fc.oneof(fc.integer(), fc.string(), anything),
    method: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...METHODS) },
      { weight: 1, arbitrary: anything },
    ),
    params: fc.oneof({ weight: 8, arbitrary: params }, { weight: 1, arbitrary: anything }),
    result: fc.option(anything, { freq: 8 }),
    error: fc.option(anything, { freq: 8 }),
  },
  { requiredKeys: ['jsonrpc', 'method'] },
);

test('JSON-RPC that is nearly right, in either era, with a session and without', () =>
  holds(
    fc.record({ message, era: fc.constantFrom('2025', '2026'), inSession: fc.boolean() }),
    (sent, session) => {
      const { method, params: given } = sent.message;
      const name = (given as { name?: unknown } | undefined)?.name;
      const of2026 = { 'Mcp-Method': headerText(method), 'Mcp-Name': headerText(name) };
      const of2025 = { 'MCP-Protocol-Version': null, 'Mcp-Method': null, 'Mcp-Name': null };
      return {
        headers: {
          ...(sent.era === '2026' ? of2026 : of2025),
          ...(sent.inSession && { 'Mcp-Session-Id': session }),
        },
        body: json(sent.message),
      };
    },
  ));

function headerText(value: unknown): string | null {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : null;
}

/** What JSON cannot hold is left out or becomes a text. */
function json(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? String(one) : one));
}

const HEADERS = [
  'Host',
  'Origin',
  'Accept',
  'Authorization',
  'X-Api-Key',
  'Content-Type',
  'Content-Encoding',
  'Expect',
  'Upgrade',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Param-a',
  'Mcp-Session-Id',
  'Last-Event-ID',
  'X-Forwarded-For',
  'X-Http-Method-Override',
  'X-Request-Id',
  'Access-Control-Request-Method',
  'Access-Control-Request-Headers',
  'Cookie',
  'traceparent',
];
const PIECES = [
  'application/json',
  'text/event-stream',
  '*/*',
  'q=0',
  'charset=',
  'utf-8',
  'identity',
  '100-continue',
  'Bearer ',
  KEYS.good,
  KEYS.unknown,
  'eyJhbGciOiJub25lIn0.e30.',
  ALLOWED_ORIGIN,
  'null',
  '127.0.0.1:{port}',
  '2026-07-28',
  '2025-11-25',
  'tools/call',
  'record',
  '=?base64?',
  '?=',
  ',',
  ';',
  '"',
  '@',
  ' ',
];
/** Any octet that a field value may have (RFC 9110 §5.5), and pieces that mean something. */
const octets = fc.string({
  unit: fc.constantFrom(...chars(0x20, 0x7e), ...chars(0x80, 0xff), '\t'),
  maxLength: 40,
});
const headerValue = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), octets), { maxLength: 5 })
  .map((all) => all.join(''));

function chars(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i));
}

test('any value in any header that we read, once or repeated', () =>
  holds(
    fc.dictionary(
      fc.constantFrom(...HEADERS),
      fc.oneof(headerValue, fc.array(headerValue, { maxLength: 3 })),
      {
        minKeys: 1,
        maxKeys: 3,
      },
    ),
    (headers) => ({ headers }),
  ));

test('any target, with any method', () =>
  holds(
    fc.record({
      method: fc.constantFrom(
        'GET',
        'POST',
        'DELETE',
        'PUT',
        'OPTIONS',
        'PATCH',
        'TRACE',
        'PROPFIND',
        'PURGE',
      ),
      target: fc
        .array(
          fc.oneof(
            fc.constantFrom(
              '/',
              '/mcp',
              '.',
              '../..',
              '%',
              '%2f',
              '%00',
              '?',
              '#',
              ';',
              '\\',
              '*',
              '//',
              'http://',
              '@',
            ),
            fc.string({ unit: fc.constantFrom(...chars(0x21, 0x7e), ...chars(0x80, 0xff)), maxLength: 20 }),
          ),
          { minLength: 1, maxLength: 5 },
        )
        .map((parts) => parts.join(''))
        .filter((target) => target !== ''),
    }),
    ({ method, target }) => ({ ...(method === 'POST' ? {} : bodiless(method)), method, target }),
  ));

/** The client stops sending at once, so that nothing waits for the rest of half a request. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  await closed(socket);
  return Buffer.concat(chunks).toString();
}

test('any bytes on a connection, and a good request with some of its bytes changed', () =>
  served({ env: NO_LIMITS }, async (server) => {
    const { port } = server;
    const good = wire(port, {
      body: message2026('tools/list'),
      headers: { 'Mcp-Method': 'tools/list', 'Mcp-Name': null },
    });
    const spoilt = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const bytes = Buffer.from(good);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });
    const cut = fc.nat(good.length).map((length) => good.subarray(0, length));
    const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

    await fc.assert(
      fc.asyncProperty(fc.oneof(noise, spoilt, cut), async (bytes) => {
        const received = await exchange(port, bytes);
        // A client that hangs up may find no answer.
        if (received !== '') expectNoHarm(received);
      }),
      RUNS,
    );
    await expectWell(server);
  }));
