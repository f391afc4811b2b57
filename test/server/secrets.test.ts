/** Credentials in places where no client should put them: no record, log line or answer repeats them. */
import { expect, test } from '@jest/globals';
import { newApiKey } from '../../src/server/identity/api-key-format.js';
import { bodiless, type Change, initialize, message2026, send } from './pipeline/request.js';
import { served } from './pipeline/server.js';

const JWT = [
  { alg: 'ES256', typ: 'at+jwt' },
  { sub: 'alice', iss: 'https://id.example' },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .concat('c2lnbmF0dXJlLW9mLWEtdG9rZW4')
  .join('.');
const SECRETS = { 'an API key': newApiKey('live').key, 'a JWT': JWT };

const HEADERS = [
  'Accept',
  'Content-Type',
  'User-Agent',
  'X-Request-Id',
  'traceparent',
  'tracestate',
  'X-Forwarded-For',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Session-Id',
  'Last-Event-ID',
  'Mcp-Param-Path',
  'Origin',
  'Host',
  'Content-Encoding',
  'Expect',
  'Cookie',
];

const percent = (text: string) => text.replaceAll(/[_.]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);

/** Each field that a client fills in, with the secret in it. */
function planted(secret: string): Readonly<Record<string, Change>> {
  const body2025 = (method: string, params: object, id: unknown = 1) => ({
    jsonrpc: '2.0',
    id,
    method,
    params,
  });
  const in2025 = (body: object, headers = {}): Change => ({
    ...initialize,
    headers: { ...initialize.headers, ...headers },
    body,
  });
  return {
    ...Object.fromEntries(HEADERS.map((name) => [`the header ${name}`, { headers: { [name]: secret } }])),
    'the path': { target: `/mcp/${secret}` },
    'the percent-encoded path': { target: `/mcp/${percent(secret)}` },
    'the end of a long path': { target: `/${'x'.repeat(230)}/${secret}` },
    'the query': { target: `/mcp?key=${secret}` },
    'the method of HTTP': { method: secret.replaceAll(/[_.]/g, '-') },
    'what is no HTTP': { raw: `GET /${secret} HTTP/9.9\r\n${secret}\r\n\r\n` },
    'a header that cannot be parsed': { raw: `GET /mcp HTTP/1.1\r\nHost: a\r\n${secret} : x\r\n\r\n` },
    'the session of HTTP+SSE': { target: `/messages?sessionId=${secret}` },
    'an unknown method': { body: message2026(secret), headers: { 'Mcp-Method': secret } },
    'an unknown method in 2025': in2025(body2025(secret, {})),
    'a tool name': {
      body: message2026('tools/call', { name: secret, arguments: {} }),
      headers: { 'Mcp-Name': secret },
    },
    'an argument': { body: message2026('tools/call', { name: 'record', arguments: { [secret]: secret } }) },
    'a resource URI': {
      body: message2026('resources/read', { uri: `documents:///${secret}` }),
      headers: { 'Mcp-Method': 'resources/read', 'Mcp-Name': `documents:///${secret}` },
    },
    'the id': in2025(body2025('ping', {}, secret)),
    'the client name': in2025(
      body2025('initialize', {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: secret, version: secret },
      }),
    ),
    'the protocol version': in2025(
      body2025('initialize', { protocolVersion: secret, capabilities: {}, clientInfo: {} }),
    ),
    'a cursor': in2025(body2025('tools/list', { cursor: secret })),
    'a body that is no JSON': { body: `{"${secret}` },
    'an event id': bodiless('GET', {
      Accept: 'text/event-stream',
      'Last-Event-ID': secret,
      'Mcp-Session-Id': secret,
    }),
  };
}

test.each(Object.entries(SECRETS))(
  '%s that a client puts in any field stands in no record and no log',
  async (_kind, secret) => {
    const cases = Object.entries(planted(secret));
    const env = {
      LEGACY_SSE: 'true',
      LOG_LEVEL: 'trace',
      TRUSTED_PROXIES: '127.0.0.0/8',
      RATE_LIMIT_AUTH_FAILURES: '1000/60s',
    };
    const { records, result: errors } = await served({ env }, async (server) => {
      for (const [, change] of cases) await send(server.port, change);
      return server.errors.join('\n');
    });

    expect(records.length).toBeGreaterThanOrEqual(cases.length);
    // Not even the half of it that nobody could guess.
    const parts = [secret, percent(secret), secret.slice(-20), secret.slice(30, 60)];
    const leaks = records.filter((record) => parts.some((part) => JSON.stringify(record).includes(part)));
    expect(leaks).toEqual([]);
    for (const part of parts) expect(errors).not.toContain(part);
    expect(records.some((record) => JSON.stringify(record).includes('[redacted]'))).toBe(true);
  },
);
