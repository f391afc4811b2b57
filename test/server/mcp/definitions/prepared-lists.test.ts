import type { Request } from 'express';
import { expect, test } from '@jest/globals';
import type { Caller } from '../../../../src/server/identity/caller.js';
import { createPreparedLists } from '../../../../src/server/mcp/definitions/prepared-lists.js';

const request = (method: Caller['method'], scopes: readonly string[]) =>
  ({
    envelope: { method: 'tools/list', id: 1, message: { jsonrpc: '2.0', id: 1, method: 'tools/list' } },
    caller: { issuer: method, subject: 'alice', method, scopes },
  }) as unknown as Request;

test.each([
  ['a key with the scope *', request('api-key', ['*'])],
  ['a key with the scope null', request('api-key', ['null'])],
  ['a key whose scope reads like two', request('api-key', ['a b'])],
  ['a key without scopes', request('api-key', [])],
])('%s never sees a list that was made for another caller', (_name, key) => {
  const others = [request('jwt', []), request('api-key', ['a', 'b']), request('api-key', ['a'])];
  const lists = createPreparedLists();
  for (const other of others) lists.keep(other, { jsonrpc: '2.0', id: 1, result: { tools: ['secret'] } });

  expect(lists.find(key)).toBeUndefined();
  for (const other of others) expect(lists.find(other)).toBeDefined();
});
