import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { compileCatalog } from '../../../../src/server/mcp/definitions/catalog.js';
import { compileSchema } from '../../../../src/server/mcp/definitions/schema.js';
import {
  definePrompt,
  defineResource,
  defineTool,
  type Definitions,
  type JsonSchema,
} from '../../../../src/server/mcp/definitions/tool.js';
import { parseUriTemplate } from '../../../../src/server/mcp/definitions/uri-template.js';

const tool = (change: object = {}) =>
  defineTool({
    name: 'a',
    description: 'A tool',
    scopes: [],
    input: z.object({}),
    run: () => 'done',
    ...change,
  });
const resource = (change: object = {}) =>
  defineResource({
    name: 'r',
    description: 'A resource',
    scopes: [],
    uri: 'x://r/{name}',
    read: async () => undefined,
    ...change,
  });
const compile = (definitions: Partial<Definitions>) =>
  compileCatalog({ tools: [], resources: [], prompts: [], ...definitions });
const compileInput = (properties: object) =>
  compile({ tools: [tool({ input: { type: 'object', ...properties } })] });
const mirrored = (name: unknown, type = 'string') => ({ type, 'x-mcp-header': name });

describe('the catalog', () => {
  test.each([
    ['"a b"', () => compile({ tools: [tool({ name: 'a b' })] })],
    ['defined twice', () => compile({ tools: [tool(), tool()] })],
    ['malformed scope', () => compile({ tools: [tool({ scopes: ['a"b'] })] })],
    ['tool "a": the root', () => compileInput({ type: 'array' })],
    ['tool "a": the root', () => compile({ tools: [tool({ input: z.string() })] })],
    ['unsupported URI template', () => compile({ resources: [resource({ uri: 'x://{?query}' })] })],
    ['unsupported URI template', () => compile({ resources: [resource({ uri: 'x://{a}/{a}' })] })],
    ['unsupported URI template', () => compile({ resources: [resource({ uri: 'x://{+a}/{+b}' })] })],
    ['unsupported URI template', () => compile({ resources: [resource({ uri: 'x://{a}-{b}-{c}' })] })],
    ['token', () => compileInput({ properties: { a: mirrored('A\r\nB') } })],
    ['needs type', () => compileInput({ properties: { a: mirrored('A', 'object') } })],
    ['unique', () => compileInput({ properties: { a: mirrored('A'), b: mirrored('a') } })],
    ['chain', () => compileInput({ properties: { a: { items: mirrored('A') } } })],
  ])('stops the start over a definition at fault: %s, case %#', (words, compiling) => {
    expect(compiling).toThrow(TypeError);
    expect(compiling).toThrow(words);
  });

  test('lists every scope once, and shows no function', () => {
    const prompt = definePrompt({
      name: 'p',
      description: 'A prompt',
      scopes: ['b', 'a'],
      arguments: [{ name: 'x', required: true, complete: async () => [] }],
      render: () => [],
    });
    const catalog = compile({ tools: [tool({ scopes: ['a'] })], prompts: [prompt] });

    expect(catalog.scopes).toEqual(['a', 'b']);
    expect(JSON.parse(JSON.stringify(catalog.prompts.get('p')?.entry))).toEqual({
      name: 'p',
      description: 'A prompt',
      arguments: [{ name: 'x', required: true }],
    });
    expect(JSON.parse(JSON.stringify(catalog.tools.get('a')?.entry))).toMatchObject({
      name: 'a',
      inputSchema: { type: 'object' },
    });
  });

  test.each(['__proto__', 'constructor', 'toString'])('knows nothing of the name %s', (name) => {
    const catalog = compile({ tools: [tool()], resources: [resource()] });
    expect(catalog.tools.get(name)).toBeUndefined();
    expect(catalog.prompts.get(name)).toBeUndefined();
    expect(catalog.findResource(name)).toBeUndefined();
  });
});

describe('a URI template', () => {
  test.each([
    ['x://r/{name}', 'x://r/a%20b', { name: 'a b' }],
    ['x://r/{name}', 'x://r/a/b', undefined],
    ['x://r/{name}', 'x://r/a?b', undefined],
    ['x://r/{name}', 'x://r/', undefined],
    ['x://r/{+path}', 'x://r/a/b', { path: 'a/b' }],
    ['x://r/{+path}', 'x://r/%', undefined],
    ['x://r/{name}', 'x://r/%C3%A9%2F%25', { name: 'é/%' }],
    ['x://r/{name}', 'x://r/%61', undefined], // an alias of x://r/a
    ['x://r/{name}', 'x://r/%2e', undefined],
    ['x://r/{name}', 'x://r/%c3%a9', undefined],
    ['x://r/{name}', 'x://r/é', undefined],
    ['x://r/{+path}', 'x://r/a/%7Eb', undefined],
    ['x://r.t', 'x://rat', undefined],
    ['x://r.t', 'x://r.t', {}],
    ['x://r.t', 'x://r.t\n', undefined],
  ])('%s reads %j', (template, uri, variables) => {
    expect(parseUriTemplate(template).match(uri)).toEqual(variables);
  });

  test('takes no long time over a long URI', () => {
    const { match } = parseUriTemplate('x://{+a}-{b}/{c}-{d}!');
    const started = performance.now();
    for (const filler of ['-', '/', '-/', 'a-b/'])
      for (const length of [4_000, 1_000_000])
        expect(match(`x://${filler.repeat(length / filler.length)}`)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('what a schema finds wrong', () => {
  const secret = 'what the client sent';
  const zod = z.strictObject({
    list: z.array(z.string()),
    kind: z.enum(['a']).optional(),
    open: z.record(z.string(), z.number()).optional(),
  });
  const json: JsonSchema = {
    type: 'object',
    properties: { list: { type: 'array', items: { type: 'string' } }, kind: { enum: ['a'] } },
    additionalProperties: false,
    required: ['list'],
  };

  test.each([
    ['zod', zod, { list: [], kind: secret }],
    ['zod', zod, { list: [], [secret]: 1 }],
    ['zod', zod, { list: secret }],
    ['JSON Schema', json, { list: [], kind: secret }],
    ['JSON Schema', json, { list: [], [secret]: 1 }],
    ['JSON Schema', json, { list: secret }],
  ])('names the place and the rule, never the value: %s, case %#', (_, schema, value) => {
    const checked = compileSchema(schema, 'input').check(value);
    expect(checked).toMatchObject({ ok: false, problems: expect.stringMatching(/^\/\S* \w+/) });
    expect(JSON.stringify(checked)).not.toContain(secret);
  });

  test.each([
    ['wrong items', { list: Array(100_000).fill(1) }],
    ['long keys', { list: [], open: { ['k'.repeat(100_000)]: 'x' } }],
  ])('stays short, however much is wrong: %s', (_, value) => {
    const checked = compileSchema(zod, 'input').check(value);
    expect(checked.ok).toBe(false);
    expect(JSON.stringify(checked).length).toBeLessThan(1000);
  });

  test('is nothing where a value fits, and the value is what the schema made of it', () => {
    const schema = z.object({ n: z.number().default(1) });
    expect(compileSchema(schema, 'input').check({})).toEqual({ ok: true, value: { n: 1 } });
    expect(compileSchema(json, 'input').check({ list: ['a'] })).toEqual({ ok: true, value: { list: ['a'] } });
  });
});
