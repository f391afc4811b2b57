import { describe, expect, test } from '@jest/globals';
import { cors } from '../../../src/server/layers/cors.js';
import { endpoint } from '../../../src/server/layers/endpoint.js';
import { RefusedRequest } from '../../../src/server/refusal.js';
import { codeOf, serve } from './serve.js';

const ORIGIN = 'https://console.example';
const layers = () => [cors([ORIGIN], ['/mcp']), endpoint({ '/mcp': ['POST', 'GET', 'DELETE'] })];
const list = (value: string | null) => (value ?? '').split(',').map((name) => name.trim().toLowerCase());

describe('a preflight', () => {
  async function preflight(headers: Record<string, string>, path = '/mcp') {
    const served = await serve(layers());
    const response = await fetch(served.url + path, { method: 'OPTIONS', headers });
    return { ...served, response };
  }

  test('on a known path is answered with what a client may send, and goes no further', async () => {
    const { response, passed } = await preflight({ Origin: ORIGIN, 'Access-Control-Request-Method': 'POST' });

    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(list(response.headers.get('access-control-allow-methods'))).toEqual(['get', 'post', 'delete']);
    expect(list(response.headers.get('access-control-allow-headers'))).toEqual(
      expect.arrayContaining([
        'authorization',
        'x-api-key',
        'content-type',
        'accept',
        'mcp-session-id',
        'mcp-protocol-version',
        'mcp-method',
        'mcp-name',
        'last-event-id',
        'traceparent',
        'tracestate',
      ]),
    );
    expect(response.headers.get('vary')).toContain('Origin');
    expect(response.headers.has('access-control-allow-credentials')).toBe(false);
    expect(passed).toHaveLength(0);
  });

  test('gets the Mcp-Param headers it asks for by name, and nothing else it asks for', async () => {
    const { response } = await preflight({
      Origin: ORIGIN,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'mcp-param-region, x-evil, Mcp-Param-Tenant-Id, mcp-param-, cookie',
    });

    const allowed = list(response.headers.get('access-control-allow-headers'));
    expect(allowed).toEqual(expect.arrayContaining(['mcp-param-region', 'mcp-param-tenant-id']));
    for (const name of ['x-evil', 'cookie', 'mcp-param-', '*']) expect(allowed).not.toContain(name);
  });

  test('on an unknown path is 404', async () => {
    const { response } = await preflight(
      { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST' },
      '/other',
    );

    expect(response.status).toBe(404);
  });

  test.each([{ Origin: ORIGIN }, { 'Access-Control-Request-Method': 'POST' }, {}])(
    'is not what an OPTIONS with %p is: 405',
    async (headers) => {
      const { response } = await preflight(headers);

      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST, GET, DELETE');
    },
  );
});

test('an allowed origin can read an answer and the headers of the contract', async () => {
  const { url } = await serve(layers());

  const { headers } = await fetch(`${url}/mcp`, { headers: { Origin: ORIGIN } });

  expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
  expect(list(headers.get('access-control-expose-headers'))).toEqual([
    'mcp-session-id',
    'mcp-protocol-version',
    'www-authenticate',
    'dpop-nonce',
    'x-request-id',
    'retry-after',
    'ratelimit',
    'ratelimit-policy',
  ]);
});

test('a refusal by a later layer stays readable', async () => {
  const refuse = () => {
    throw new RefusedRequest('credentials_missing', {
      headers: { 'WWW-Authenticate': 'Bearer realm="mcp"' },
    });
  };
  const { url } = await serve([...layers(), refuse]);

  const response = await fetch(`${url}/mcp`, { headers: { Origin: ORIGIN } });

  expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN);
  expect(await codeOf(response)).toBe('credentials_missing');
});

test('an answer without an origin still varies by it, and allows none', async () => {
  const { url } = await serve(layers());

  const { headers } = await fetch(`${url}/mcp`);

  expect(headers.get('vary')).toContain('Origin');
  expect(headers.has('access-control-allow-origin')).toBe(false);
});
