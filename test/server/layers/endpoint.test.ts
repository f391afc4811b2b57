import { describe, expect, test } from '@jest/globals';
import { endpoint } from '../../../src/server/layers/endpoint.js';
import { parseRaw, rawRequest } from '../../helpers/raw-http.js';
import { codeOf, serve } from './serve.js';

const layer = () => endpoint({ '/mcp': ['POST', 'GET', 'DELETE'], '/.well-known/x': ['GET', 'HEAD'] });

async function send(requestLine: string, headers = '') {
  const served = await serve([layer()]);
  const received = await rawRequest(
    served.port,
    `${requestLine} HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`,
  );
  return { ...served, answer: parseRaw(received) };
}

describe('a path', () => {
  test.each([
    '/',
    '/MCP',
    '/mcp/',
    '//mcp',
    '/mcp/../mcp',
    '/%6dcp',
    '/mcp%2f',
    '/mcp;x',
    '/mcp#x',
    '/constructor',
    '*',
  ])('%s is unknown', async (path) => {
    const { answer, passed, audit } = await send(`GET ${path}`);

    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { data: { code: 'not_found' } } });
    expect(passed).toHaveLength(0);
    expect((await audit.record()).reason).toBe('not_found');
  });

  test('may have a query, which changes nothing', async () => {
    expect((await send('GET /mcp?x=1')).answer.status).toBe(200);
  });
});

describe('a method', () => {
  test.each(['HEAD', 'PUT', 'PATCH', 'TRACE', 'OPTIONS', 'PROPFIND', 'QUERY'])(
    '%s is refused, naming those that are allowed',
    async (method) => {
      const { answer, passed } = await send(`${method} /mcp`);

      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toBe('POST, GET, DELETE');
      expect(passed).toHaveLength(0);
    },
  );

  test('HEAD passes where it is listed', async () => {
    expect((await send('HEAD /.well-known/x')).answer.status).toBe(200);
  });

  test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])(
    'cannot be changed by %s',
    async (name) => {
      const { url, passed } = await serve([layer()]);

      const response = await fetch(`${url}/mcp`, { method: 'POST', headers: { [name]: 'DELETE' } });

      expect(response.status).toBe(405);
      expect(await codeOf(response)).toBe('method_not_allowed');
      expect(passed).toHaveLength(0);
    },
  );
});

test('an Upgrade header is refused even where Node takes the request for a plain one', async () => {
  const { answer, passed } = await send('GET /mcp', 'Upgrade: websocket\r\n');

  expect(answer.status).toBe(400);
  expect(answer.text).toContain('malformed_request');
  expect(passed).toHaveLength(0);
});

test.each(['h2c', 'H2C'])(
  'an offer to go on with %s is declined by serving the request',
  async (protocol) => {
    const offer = `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`;
    const { answer, passed, audit } = await send('GET /mcp', offer);

    expect(answer.status).toBe(200);
    expect(passed).toHaveLength(1);
    expect(await audit.record()).not.toHaveProperty('decision', 'deny');
  },
);

test.each(['websocket', 'h2c, websocket', 'TLS/1.0', ''])('an upgrade to %p is refused', async (protocol) => {
  const { answer, passed } = await send('GET /mcp', `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`);

  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { data: { code: 'malformed_request' } } });
  expect(passed).toHaveLength(0);
});

test.each(['gzip, chunked', 'cow, chunked', 'identity, chunked'])(
  'a body coded as %s is 501: it is not undone, so it is not read',
  async (coding) => {
    const { answer, passed, audit } = await send('POST /mcp', `Transfer-Encoding: ${coding}\r\n`);

    expect(answer.status).toBe(501);
    expect(answer.text).toContain('malformed_request');
    expect(passed).toHaveLength(0);
    expect((await audit.record()).decision).toBe('deny');
  },
);
