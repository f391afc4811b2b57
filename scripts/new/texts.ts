/** The text for each kind of definition: a small working one, to replace with yours. */
import type { Names } from './definition.js';

export interface Texts {
  readonly source: string;
  readonly test: string;
  /** The test of the refusal, only with scopes. */
  readonly refusal: string;
}

export function toolFiles({ constant, name, title, file }: Names, scopes: string): Texts {
  const source = `import { z } from 'zod';
import { defineTool } from '../server/index.js';

export const ${constant} = defineTool({
  name: '${name}',
  title: '${title}',
  // A model chooses by this text: what the tool does, and when to use it.
  description: 'Counts the characters of a text.',
  scopes: ${scopes},
  annotations: { readOnlyHint: true, openWorldHint: false },
  // An argument that is not named here is refused. Each has a bound and a description.
  input: z.object({ text: z.string().max(10_000).describe('The text to count') }),
  output: z.object({ characters: z.int() }),

  run: ({ text }, context) => {
    context.log('info', 'Counting');
    return { structuredContent: { characters: text.length } };
  },
});
`;
  const call = `{ method: 'tools/call', params: { name: '${name}', arguments: { text: 'four' } } }`;
  const expected = '{ structuredContent: { characters: 4 } }';
  return {
    source,
    ...testFiles({ kind: 'tools', constant, file, name, call, expected, more: strictTest(name, constant) }),
  };
}

function strictTest(name: string, constant: string): string {
  return `
test('${name} names the argument that it does not know, and does not run', async () => {
  const server = await serve(definitions, ${constant}.scopes);
  try {
    const call = { ...CALL, params: { ...CALL.params, arguments: { text: 'four', txet: 'five' } } };
    const { answer } = await callIn2026(server, call);
    expect(answer?.result).toMatchObject({ isError: true });
    expect(answer?.result).not.toHaveProperty('structuredContent');
    expect(JSON.stringify(answer?.result)).toContain('unknown properties: txet');
  } finally {
    await server.close();
  }
});
`;
}

export function resourceFiles({ constant, name, title, file }: Names, scopes: string): Texts {
  const source = `import { defineResource } from '../server/index.js';

export const ${constant} = defineResource({
  name: '${name}',
  title: '${title}',
  description: 'A text that is always the same.',
  uri: '${file}:///text',
  mimeType: 'text/plain',
  scopes: ${scopes},

  read: async (uri) => ({ uri, mimeType: 'text/plain', text: '${title}' }),
});
`;
  const call = `{ method: 'resources/read', params: { uri: '${file}:///text' } }`;
  const expected = `{ contents: [{ uri: '${file}:///text', text: '${title}' }] }`;
  return { source, ...testFiles({ kind: 'resources', constant, file, name, call, expected }) };
}

export function promptFiles({ constant, name, title, file }: Names, scopes: string): Texts {
  const source = `import { definePrompt } from '../server/index.js';

export const ${constant} = definePrompt({
  name: '${name}',
  title: '${title}',
  description: 'Asks the model to explain something.',
  scopes: ${scopes},
  arguments: [{ name: 'topic', description: 'What is to be explained', required: true }],

  render: ({ topic = '' }) => [
    { role: 'user', content: { type: 'text', text: \`Explain in three sentences: \${topic}\` } },
  ],
});
`;
  const call = `{ method: 'prompts/get', params: { name: '${name}', arguments: { topic: 'tides' } } }`;
  const expected = `{ messages: [{ role: 'user', content: { text: 'Explain in three sentences: tides' } }] }`;
  return { source, ...testFiles({ kind: 'prompts', constant, file, name, call, expected }) };
}

interface TestOptions {
  readonly kind: 'tools' | 'resources' | 'prompts';
  readonly constant: string;
  readonly file: string;
  readonly name: string;
  readonly call: string;
  /** Pattern of the result. */
  readonly expected: string;
  /** Tests of this kind alone. */
  readonly more?: string;
}

function testFiles({
  kind,
  constant,
  file,
  name,
  call,
  expected,
  more = '',
}: TestOptions): Omit<Texts, 'source'> {
  const lists = ['tools', 'resources', 'prompts']
    .map((list) => `${list}: [${list === kind ? constant : ''}]`)
    .join(', ');
  const test = `import { expect, test } from '@jest/globals';
import { ${constant} } from '../../src/${kind}/${file}.js';
import { serve } from '../helpers/serve.js';
import { callIn2025, callIn2026 } from '../helpers/two-eras.js';

const definitions = { ${lists} };
const CALL = ${call};

test.each([
  ['2025-11-25', callIn2025],
  ['2026-07-28', callIn2026],
])('${name} answers in revision %s', async (_revision, call) => {
  const server = await serve(definitions, ${constant}.scopes);
  try {
    const { answer } = await call(server, CALL);
    expect(answer?.result).toMatchObject(${expected});
  } finally {
    await server.close();
  }
});
${more}`;
  const refusal = `test('${name} is refused without its scopes, and the audit says so', async () => {
  const server = await serve(definitions, []);
  const { status } = await callIn2026(server, CALL);
  const audit = await server.close();

  expect(status).toBe(403);
  expect(audit.at(-1)).toMatchObject({ decision: 'deny', reason: 'insufficient_scope' });
});
`;
  return { test, refusal };
}
