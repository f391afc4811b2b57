import { describe, expect, test } from '@jest/globals';
import { readMessage } from '../../../src/server/mcp/envelope/json-rpc.js';
import { requireTrueHeaders } from '../../../src/server/mcp/envelope/mirrored-headers.js';
import { compileCatalog } from '../../../src/server/mcp/definitions/catalog.js';
import { RefusedRequest } from '../../../src/server/refusal.js';

const rpc = (rest: object) => ({ jsonrpc: '2.0', ...rest });
const error = { code: -1, message: 'no' };

function reasonOf(run: () => unknown): unknown {
  try {
    run();
  } catch (refused) {
    if (refused instanceof RefusedRequest) return refused.detail?.['reason'];
    throw refused;
  }
  return 'accepted';
}

describe('a JSON-RPC message', () => {
  test.each([
    ['request', rpc({ id: 1, method: 'ping' })],
    ['request', rpc({ id: '', method: 'ping', params: {} })],
    ['notification', rpc({ method: 'ping' })],
    ['response', rpc({ id: 1, result: {} })],
    ['response', rpc({ id: 'a', error })],
  ])('is a %s', (kind, body) => {
    expect(readMessage(body)).toEqual({ kind, message: body });
  });

  test.each([
    ['not_an_object', [rpc({ id: 1, method: 'ping' })]],
    ['not_an_object', null],
    ['not_an_object', 'text'],
    ['jsonrpc_version', { id: 1, method: 'ping' }],
    ['jsonrpc_version', { jsonrpc: 2, id: 1, method: 'ping' }],
    ['id', rpc({ id: null, method: 'ping' })],
    ['id', rpc({ id: 1.5, method: 'ping' })],
    ['id', rpc({ id: 2 ** 53, method: 'ping' })],
    ['id', rpc({ id: 'x'.repeat(257), method: 'ping' })],
    ['method', rpc({ id: 1, method: '' })],
    ['method', rpc({ id: 1, method: 1 })],
    ['method', rpc({ id: 1, method: 'x'.repeat(129) })],
    ['progress_token', rpc({ id: 1, method: 'ping', params: { _meta: { progressToken: 'x'.repeat(257) } } })],
    ['params', rpc({ id: 1, method: 'ping', params: [] })],
    ['params', rpc({ id: 1, method: 'ping', params: null })],
    ['request_and_response', rpc({ id: 1, method: 'ping', result: {} })],
    ['neither_request_nor_response', rpc({ result: {} })],
    ['result_or_error', rpc({ id: 1 })],
    ['result_or_error', rpc({ id: 1, result: 1 })],
    ['result_or_error', rpc({ id: 1, result: {}, error })],
    ['result_or_error', rpc({ id: 1, result: 1, error })],
    ['result_or_error', rpc({ id: 1, result: {}, error: 1 })],
    ['result_or_error', rpc({ id: 1, error: { code: 'x', message: 'no' } })],
  ])('is refused as malformed: %s, case %#', (reason, body) => {
    expect(reasonOf(() => readMessage(body))).toBe(reason);
  });

  test.each([
    [7, rpc({ id: 7, method: 'ping', params: null })],
    ['seven', rpc({ id: 'seven', method: 'ping', params: [] })],
    [7, { jsonrpc: '1.0', id: 7, method: 'ping' }],
    [7, { id: 7 }],
    [7, rpc({ id: 7, method: 5 })],
    [7, rpc({ id: 7, method: 'ping', result: {} })],
    [undefined, rpc({ id: null, method: 'ping' })],
    [undefined, rpc({ id: 'x'.repeat(257), method: 'ping' })],
    [undefined, rpc({ id: 7, result: 1 })], // names a request of ours
    [undefined, [rpc({ id: 7, method: 'ping', params: null })]],
  ])('that is refused is answered under the id %p, if it is a request: case %#', (id, body) => {
    expect(() => readMessage(body)).toThrow(expect.objectContaining({ code: 'malformed_message' }));
    try {
      readMessage(body);
    } catch (refused) {
      expect((refused as RefusedRequest).toBody('r')).toMatchObject({ id: id ?? null });
    }
  });
});

describe('a header that mirrors the body', () => {
  const mirrors = (type: string, name: string) => ({ type, 'x-mcp-header': name });
  const { tools } = compileCatalog({
    tools: [
      {
        name: 'query',
        description: 'Queries',
        scopes: [],
        input: {
          type: 'object',
          properties: {
            tenant: mirrors('string', 'Tenant'),
            page: mirrors('integer', 'Page'),
            deep: { type: 'object', properties: { flag: mirrors('boolean', 'Flag') } },
          },
        },
        run: () => 'done',
      },
    ],
    resources: [],
    prompts: [],
  });

  function check(args: object, headers: Record<string, string>, required = false): unknown {
    const method = 'tools/call';
    const message = {
      jsonrpc: '2.0',
      method,
      params: { arguments: JSON.parse(JSON.stringify(args)) },
    } as const;
    const read = { method, target: 'query', message };
    return reasonOf(() => requireTrueHeaders(headers, read, tools.get('query'), required));
  }

  const standard = { 'mcp-method': 'tools/call', 'mcp-name': 'query' };
  test.each([
    ['all of them', { tenant: 'a' }, { ...standard, 'mcp-param-tenant': 'a' }],
    ['a text in Base64', { tenant: 'ä' }, { ...standard, 'mcp-param-tenant': '=?base64?w6Q=?=' }],
    ['a number written in another way', { page: 42 }, { ...standard, 'mcp-param-page': '42.0' }],
    ['a value further inside', { deep: { flag: true } }, { ...standard, 'mcp-param-flag': 'true' }],
    ['none for a value that is null', { tenant: null }, standard],
    ['none for an object, which the schema refuses', { tenant: { toString: 1 } }, standard],
  ])('is true: %s', (_, args, headers) => {
    expect(check(args, headers, true)).toBe('accepted');
  });

  test.each([
    ['differs_from_body', {}, { 'mcp-method': 'tools/list' }],
    ['differs_from_body', {}, { 'mcp-name': 'Query' }],
    ['differs_from_body', { tenant: 'a' }, { 'mcp-param-tenant': 'b' }],
    ['differs_from_body', { tenant: '007' }, { 'mcp-param-tenant': '7' }],
    ['differs_from_body', { page: 42 }, { 'mcp-param-page': '4.2e1' }],
    ['differs_from_body', {}, { 'mcp-param-tenant': 'a' }],
    ['differs_from_body', { tenant: { toString: 1 } }, { 'mcp-param-tenant': '[object Object]' }],
    ['invalid_characters', { tenant: 'ä' }, { 'mcp-param-tenant': 'ä' }],
    ['invalid_characters', { tenant: 'ä' }, { 'mcp-param-tenant': '=?base64?w6R=?=' }],
  ])('is refused though none is required: %s, case %#', (reason, args, headers) => {
    expect(check(args, headers)).toBe(reason);
  });

  test.each([
    [{}, { 'mcp-name': 'query' }],
    [{}, { 'mcp-method': 'tools/call' }],
    [{ tenant: 'a' }, standard],
  ])('may not be missing where it is required, case %#', (args, headers) => {
    expect(check(args, headers, true)).toBe('missing');
    expect(check(args, headers, false)).toBe('accepted');
  });
});
