import { describe, expect, test } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import { authorize } from '../../../../src/server/mcp/calls/authorize.js';
import { compileCatalog } from '../../../../src/server/mcp/definitions/catalog.js';
import { envelope } from '../../../../src/server/mcp/envelope/envelope.js';
import { defineResource, defineTool } from '../../../../src/server/mcp/definitions/tool.js';
import { RefusedRequest } from '../../../../src/server/refusal.js';
import { codeOf, serve } from '../../layers/serve.js';

const MODERN = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const definitions = {
  tools: [
    defineTool({
      name: 'dear',
      description: 'Costs',
      scopes: ['use'],
      cost: 3,
      input: { type: 'object' },
      run: () => 'done',
    }),
  ],
  resources: [
    defineResource({
      name: 'r',
      description: 'R',
      scopes: ['read'],
      uri: 'x://{id}',
      read: async () => undefined,
    }),
  ],
  prompts: [],
};
const catalog = compileCatalog(definitions, ['all']);

async function start(...more: RequestHandler[]) {
  const served = await serve([express.json(), envelope(catalog, ['/sse']), ...more]);
  const send = (
    body: object | undefined,
    headers: Record<string, string> = {},
    method = 'POST',
    path = '/mcp',
  ) =>
    fetch(served.url + path, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  return { ...served, send };
}

const rpc = (method: string, params?: object) => ({
  jsonrpc: '2.0',
  id: 7,
  method,
  ...(params && { params }),
});
const modern = (method: string, params: object = {}) => rpc(method, { ...params, _meta: META });
const mirrored = (method: string, name?: string) => ({
  'MCP-Protocol-Version': MODERN,
  'Mcp-Method': method,
  ...(name !== undefined && { 'Mcp-Name': name }),
});
const call = { name: 'dear', arguments: {} };

describe('the envelope', () => {
  test.each([
    ['2025', 'request', rpc('tools/call', call), {}, { target: 'dear' }],
    ['2025', 'request', rpc('tools/call', { name: 1 }), {}, {}],
    ['2025', 'request', rpc('ping'), { 'MCP-Session-Id': 's' }, { sessionId: 's' }],
    ['2025', 'notification', { jsonrpc: '2.0', method: 'notifications/initialized' }, {}, {}],
    [
      '2026',
      'request',
      modern('tools/call', call),
      mirrored('tools/call', 'dear'),
      { target: 'dear', protocolVersion: MODERN },
    ],
    [
      '2026',
      'request',
      modern('resources/read', { uri: 'x://1' }),
      mirrored('resources/read', 'x://1'),
      { target: 'x://1', protocolVersion: MODERN },
    ],
  ])('of the %s era reads a %s, case %#', async (era, kind, body, headers, more) => {
    const { send, passed, audit } = await start();
    expect((await send(body, headers)).status).toBe(200);
    const { method, id } = body as { method: string; id?: number };
    expect(passed[0]?.envelope).toEqual({ era, kind, message: body, method, id, ...more });
    expect(await audit.record()).toMatchObject({ 'mcp.era': era, 'mcp.method.name': method });
  });

  test.each([
    ['malformed_message', 400, 'POST', [rpc('ping')], {}],
    ['unsupported_version', 400, 'POST', rpc('ping'), { 'MCP-Protocol-Version': '2020-01-01' }],
    ['unsupported_version', 400, 'GET', undefined, { 'MCP-Protocol-Version': 'evil<value>' }],
    ['method_not_allowed', 405, 'GET', undefined, { 'MCP-Protocol-Version': MODERN }],
    ['method_not_allowed', 405, 'DELETE', undefined, { 'MCP-Protocol-Version': MODERN }],
    ['header_mismatch', 400, 'POST', rpc('ping'), { 'Mcp-Method': 'evil' }],
    ['header_mismatch', 400, 'POST', rpc('tools/call', call), { 'Mcp-Name': 'evil' }],
    ['header_mismatch', 400, 'POST', modern('tools/call', call), mirrored('tools/call')],
    ['header_mismatch', 400, 'POST', modern('ping'), { 'Mcp-Method': 'ping' }],
    [
      'header_mismatch',
      400,
      'POST',
      modern('ping'),
      { ...mirrored('ping'), 'MCP-Protocol-Version': '2025-11-25' },
    ],
  ])('refuses %s with %i and repeats nothing, case %#', async (code, status, method, body, headers) => {
    const { send, passed } = await start();
    const response = await send(body, headers, method);
    expect(response.status).toBe(status);
    const text = await response.clone().text();
    expect(await codeOf(response)).toBe(code);
    expect(text).not.toContain('evil');
    expect(passed).toHaveLength(0);
  });

  test('takes the session of HTTP+SSE from the query there and nowhere else', async () => {
    const { send, passed } = await start();
    await send(rpc('ping'), {}, 'POST', '/sse?sessionId=query');
    await send(rpc('ping'), {}, 'POST', '/mcp?sessionId=query');
    expect(passed[0]?.envelope).toMatchObject({ isSse: true, sessionId: 'query' });
    expect(passed[1]?.envelope).not.toHaveProperty('sessionId');
    for (const method of ['POST', 'GET']) {
      const headers = { 'MCP-Session-Id': 'header' };
      const two = await send(
        method === 'POST' ? rpc('ping') : undefined,
        headers,
        method,
        '/sse?sessionId=query',
      );
      expect([two.status, await codeOf(two)]).toEqual([400, 'malformed_message']);
    }
    expect(passed).toHaveLength(2);
    const refused = await send(modern('ping'), mirrored('ping'), 'POST', '/sse');
    expect(await codeOf(refused)).toBe('malformed_message');
  });
});

describe('authorization', () => {
  async function startFor(scopes: readonly string[]) {
    const spent: number[] = [];
    const caller: RequestHandler = (req, _res, next) => {
      req.caller = { issuer: 'i', subject: 's', method: 'jwt', scopes };
      next();
    };
    const authorized = authorize({
      catalog,
      challenge: (error, scope) => ({ 'WWW-Authenticate': `${error} ${scope.join(' ')}` }),
      spend: async (_req, _res, points) => {
        spent.push(points);
        if (scopes.includes('poor')) throw new RefusedRequest('rate_limited');
      },
    });
    return { ...(await start(caller, authorized)), spent };
  }

  test.each([
    ['tools/call', call, ['all'], 'all use'],
    ['tools/call', call, ['use'], 'all use'],
    ['resources/read', { uri: 'x://1' }, ['all'], 'all read'],
    ['resources/subscribe', { uri: 'x://1' }, ['all'], 'all read'],
    ['tools/list', {}, ['use'], 'all'],
  ])(
    'refuses %s with %j for a caller with %j, naming all it needs',
    async (method, params, scopes, needed) => {
      const { send, passed, spent } = await startFor(scopes);
      const response = await send(rpc(method, params));
      expect(response.status).toBe(403);
      expect(response.headers.get('www-authenticate')).toBe(`insufficient_scope ${needed}`);
      expect(await response.json()).toMatchObject({ id: 7, error: { data: { code: 'insufficient_scope' } } });
      expect(passed).toHaveLength(0);
      expect(spent).toEqual([]);
    },
  );

  test.each([
    ['tools/call', call, [2]],
    ['tools/call', { name: '__proto__' }, []],
    ['resources/read', { uri: 'x://1' }, []],
    ['tools/list', {}, []],
  ])('lets %s with %j pass, and takes what it costs above 1', async (method, params, points) => {
    const { send, passed, spent } = await startFor(['all', 'use', 'read']);
    expect((await send(rpc(method, params))).status).toBe(200);
    expect(passed).toHaveLength(1);
    expect(spent).toEqual(points);
  });

  test('refuses a call that the caller cannot pay, and names no unknown tool in the audit', async () => {
    const { send, passed, audit } = await startFor(['all', 'use', 'poor']);
    expect((await send(rpc('tools/call', call))).status).toBe(429);
    await send(rpc('tools/call', { name: 'evil' }));
    expect(passed).toHaveLength(1);
    expect(await audit.record(0)).toMatchObject({ 'gen_ai.tool.name': 'dear', reason: 'rate_limited' });
    expect(await audit.record(1)).toMatchObject({ 'gen_ai.tool.name': 'unknown' });
  });
});
