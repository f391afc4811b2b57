import { expect, jest, test } from '@jest/globals';
import { compileSchema } from '../../../../src/server/mcp/definitions/schema.js';

test('a schema without a dialect is read as 2020-12', () => {
  const { check } = compileSchema(
    { type: 'object', properties: { pair: { prefixItems: [{ type: 'string' }] } } },
    'input',
  );

  expect(check({ pair: ['a', 1] }).ok).toBe(true);
  expect(check({ pair: [1] }).ok).toBe(false);
});

test.each(['https://example.com/own-dialect', 'http://json-schema.org/draft-04/schema#'])(
  'a schema of a dialect that is not known stops the start: %s',
  ($schema) => {
    expect(() => compileSchema({ $schema, type: 'object' }, 'input')).toThrow(/schema/);
  },
);

test('a reference to another document is never fetched and stops the start', () => {
  const fetching = jest.spyOn(globalThis, 'fetch');
  const properties = { a: { $ref: 'http://169.254.169.254/schema.json' } };

  expect(() => compileSchema({ type: 'object', properties }, 'input')).toThrow(/reference/);
  expect(fetching).not.toHaveBeenCalled();
  fetching.mockRestore();
});
