import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { compileCatalog } from '../../../../src/server/mcp/definitions/catalog.js';
import { introduction } from '../../../../src/server/mcp/definitions/server-info.js';
import {
  type About,
  definePrompt,
  defineResource,
  defineTool,
  type Definitions,
} from '../../../../src/server/mcp/definitions/tool.js';
import { serve, type Served } from '../../../helpers/serve.js';
import { callIn2025, callIn2026, type SameCall } from '../../../helpers/two-eras.js';

const icons = [
  { src: 'https://example.com/i.png', mimeType: 'image/png', sizes: ['48x48'], theme: 'dark' },
] as const;
const _meta = { 'com.example/shown': { deep: [1, 'two'] }, ui: { resourceUri: 'ui://x' } };
const annotations = { audience: ['user'], priority: 0.5, lastModified: '2026-01-01T00:00:00Z' } as const;
const said = { title: 'A title', description: 'A description', icons, _meta };
const contents = { uri: 'test://one', text: 'one', _meta };
const link = { uri: 'test://one', name: 'one', mimeType: 'text/plain', size: 3, annotations, ...said };

const tool = defineTool({
  name: 'tool',
  ...said,
  annotations: { readOnlyHint: true },
  scopes: [],
  input: z.object({}),
  run: () => ({
    content: [
      { type: 'text', text: 'a', annotations, _meta },
      { type: 'image', data: 'AAAA', mimeType: 'image/png', _meta },
      { type: 'resource', resource: contents, _meta },
      { type: 'resource_link', ...link },
    ],
    _meta,
  }),
});
const resource = defineResource({
  name: 'one',
  ...said,
  uri: 'test://one',
  mimeType: 'text/plain',
  size: 3,
  annotations,
  scopes: [],
  read: async () => ({ contents: [contents], _meta }),
});
const template = defineResource({
  name: 'items',
  ...said,
  uri: 'test://items/{id}',
  annotations,
  scopes: [],
  list: async () => [link],
  read: async () => contents,
});
const prompt = definePrompt({
  name: 'prompt',
  ...said,
  scopes: [],
  arguments: [{ name: 'who', title: 'Who', description: 'Whom' }],
  render: () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'a', _meta } }], _meta }),
});
const about: About = {
  title: 'A server',
  description: 'Of many things',
  websiteUrl: 'https://example.com/',
  icons,
  instructions: 'Ask first.',
};

async function initialized({ url, key }: Served): Promise<unknown> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  };
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'X-Api-Key': key,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  return response.json();
}

describe.each([
  ['2025-11-25', callIn2025],
  ['2026-07-28', callIn2026],
])('in revision %s all that a definition says of itself is sent as given', (_revision, call) => {
  let server: Served;
  beforeAll(async () => {
    server = await serve({ about, tools: [tool], resources: [resource, template], prompts: [prompt] }, []);
  });
  afterAll(() => server.close());
  const answerTo = async (asked: SameCall) => (await call(server, asked)).answer?.result;

  test('of a tool, its contents, links and result', async () => {
    const called = await answerTo({ method: 'tools/call', params: { name: 'tool' } });

    expect(await answerTo({ method: 'tools/list' })).toMatchObject({
      tools: [{ name: 'tool', ...said, annotations: { readOnlyHint: true } }],
    });
    expect(called).toMatchObject({
      content: [
        { annotations, _meta },
        { _meta },
        { resource: contents, _meta },
        { type: 'resource_link', ...link },
      ],
      _meta,
    });
  });

  test('of a resource, a template and contents', async () => {
    expect(await answerTo({ method: 'resources/list' })).toMatchObject({
      resources: [{ uri: 'test://one', size: 3, annotations, ...said }, link],
    });
    expect(await answerTo({ method: 'resources/templates/list' })).toMatchObject({
      resourceTemplates: [{ uriTemplate: 'test://items/{id}', annotations, ...said }],
    });
    expect(await answerTo({ method: 'resources/read', params: { uri: 'test://one' } })).toMatchObject({
      contents: [contents],
      _meta,
    });
  });

  test('of a prompt, its arguments and messages', async () => {
    expect(await answerTo({ method: 'prompts/list' })).toMatchObject({
      prompts: [{ name: 'prompt', ...said, arguments: [{ name: 'who', title: 'Who', description: 'Whom' }] }],
    });
    expect(await answerTo({ method: 'prompts/get', params: { name: 'prompt' } })).toMatchObject({
      messages: [{ content: { text: 'a', _meta } }],
      description: said.description,
      _meta,
    });
  });

  test('of the server', async () => {
    const { instructions, ...serverInfo } = about;
    const named = { _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo } };

    if (call === callIn2026)
      expect(await answerTo({ method: 'server/discover' })).toMatchObject({ instructions, ...named });
    else expect(await initialized(server)).toMatchObject({ result: { instructions, serverInfo } });
  });
});

test('a server names itself in a result of 2026-07-28, whatever the definition says there', async () => {
  const taken = { 'io.modelcontextprotocol/serverInfo': { name: 'another' } };
  const posing = { ...tool, run: () => ({ content: [], _meta: taken }) };
  const server = await serve({ tools: [posing], resources: [], prompts: [] }, []);
  try {
    const { answer } = await callIn2026(server, { method: 'tools/call', params: { name: 'tool' } });

    expect(JSON.stringify(answer)).not.toContain('another');
  } finally {
    await server.close();
  }
});

const compile = (definitions: Partial<Definitions>) =>
  compileCatalog({ tools: [], resources: [], prompts: [], ...definitions });
const changed = <T extends object>(definition: T, change: object): T => ({ ...definition, ...change });

describe('a wrong shape stops the start, and the message names definition and field', () => {
  test.each<readonly [message: string, starting: () => unknown]>([
    ['tool "tool": title: ', () => compile({ tools: [changed(tool, { title: 7 })] })],
    ['tool "tool": description: ', () => compile({ tools: [changed(tool, { description: undefined })] })],
    [
      'tool "tool": icons.0.src: ',
      () => compile({ tools: [changed(tool, { icons: [{ src: 'javascript:1' }] })] }),
    ],
    [
      'tool "tool": icons.0.sizes.0: ',
      () => compile({ tools: [changed(tool, { icons: [{ ...icons[0], sizes: ['big'] }] })] }),
    ],
    [
      'tool "tool": icons.0: ',
      () => compile({ tools: [changed(tool, { icons: [{ ...icons[0], them: 'dark' }] })] }),
    ],
    [
      'tool "tool": annotations: ',
      () => compile({ tools: [changed(tool, { annotations: { readonlyHint: true } })] }),
    ],
    ['tool "tool": _meta: ', () => compile({ tools: [changed(tool, { _meta: [] })] })],
    ['tool "tool": _meta.-bad: ', () => compile({ tools: [changed(tool, { _meta: { '-bad': 1 } })] })],
    ['tool "tool": _meta.fn: ', () => compile({ tools: [changed(tool, { _meta: { fn: () => 1 } })] })],
    ['resource "one": size: ', () => compile({ resources: [changed(resource, { size: -1 })] })],
    ['resource "one": mimeType: ', () => compile({ resources: [changed(resource, { mimeType: 7 })] })],
    [
      'resource "one": annotations.priority: ',
      () => compile({ resources: [changed(resource, { annotations: { priority: 2 } })] }),
    ],
    ['resource "items": size: ', () => compile({ resources: [changed(template, { size: 1 })] })],
    [
      'prompt "prompt": arguments.0.title: ',
      () => compile({ prompts: [changed(prompt, { arguments: [{ name: 'a', title: 1 }] })] }),
    ],
    ['about.ts: websiteUrl: ', () => introduction({ websiteUrl: 'example.com' }, compile({}))],
    [
      'about.ts: icons.0.theme: ',
      () => introduction({ icons: [{ src: icons[0].src, theme: 'pink' as never }] }, compile({})),
    ],
  ])('%s', (message, starting) => {
    expect(starting).toThrow(TypeError);
    expect(starting).toThrow(message);
  });
});
