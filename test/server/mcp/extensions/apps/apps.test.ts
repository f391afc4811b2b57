import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  apps,
  type Definitions,
  defineApp,
  defineResource,
  defineTool,
  type ResourceDefinition,
} from '../../../../../src/server/index.js';
import { serve, type Served } from '../../../../helpers/serve.js';

const URI = 'ui://test/page.html';
const MIME_TYPE = 'text/html;profile=mcp-app';
const CLOSED = { connectDomains: [], resourceDomains: [], frameDomains: [], baseUriDomains: [] };
const folder = mkdtempSync(join(tmpdir(), 'apps-test-'));
const html = pathToFileURL(join(folder, 'page.html'));
writeFileSync(html, '<!doctype html><title>Page</title>');
afterAll(() => rmSync(folder, { recursive: true }));

let server: Served | undefined;
let client: Client | undefined;
afterEach(async () => {
  await client?.close();
  await server?.close();
  [client, server] = [undefined, undefined];
});

const page = (more: object = {}) =>
  defineApp({ name: 'page', description: 'A page', uri: URI, html, scopes: [], ...more });
const tool = (ui: object) =>
  defineTool({
    name: 'show',
    description: 'Shows the page',
    scopes: [],
    input: { type: 'object' },
    run: () => 'in words',
    _meta: { ui },
  });
const raw = (more: Partial<ResourceDefinition>) =>
  defineResource({
    name: 'page',
    description: 'A page of its own making',
    uri: URI,
    mimeType: MIME_TYPE,
    scopes: [],
    read: async (uri) => ({
      uri,
      text: '<!doctype html>',
      _meta: { ui: { csp: { connectDomains: ['*'] } } },
    }),
    ...more,
  });

async function connect(era: string, definitions: Partial<Definitions>): Promise<Client> {
  server = await serve({ tools: [], resources: [], prompts: [], ...definitions, extensions: [apps] }, []);
  const versionNegotiation = era === '2026' ? { mode: { pin: '2026-07-28' } } : {};
  client = new Client({ name: 'test', version: '1' }, { versionNegotiation });
  const requestInit = { headers: { 'x-api-key': server.key } };
  await client.connect(new StreamableHTTPClientTransport(server.url, { requestInit }));
  return client;
}

describe.each(['2025', '2026'])('in the %s era', (era) => {
  test('apps are advertised, and a tool names its page and answers in words too', async () => {
    const ui = { resourceUri: URI, visibility: ['model', 'app'] };
    const connected = await connect(era, { tools: [tool(ui)], resources: [page()] });

    expect(connected.getServerCapabilities()?.extensions).toEqual({ 'io.modelcontextprotocol/ui': {} });
    expect((await connected.listTools()).tools[0]?._meta).toEqual({ ui });
    const { content } = await connected.callTool({ name: 'show', arguments: {} });
    expect(content).toMatchObject([{ text: 'in words' }]);
  });

  test('a page without CSP is closed, in the list and in its contents', async () => {
    const connected = await connect(era, { resources: [page({ prefersBorder: true })] });

    const ui = { csp: CLOSED, prefersBorder: true };
    const { resources } = await connected.listResources();
    expect(resources).toMatchObject([{ uri: URI, mimeType: MIME_TYPE, _meta: { ui } }]);
    const { contents } = await connected.readResource({ uri: URI });
    expect(contents).toEqual([
      { uri: URI, mimeType: MIME_TYPE, text: '<!doctype html><title>Page</title>', _meta: { ui } },
    ]);
  });

  test('what a page names is sent, and what it leaves out stays closed', async () => {
    const given = {
      csp: { connectDomains: ['https://api.example.com', 'wss://live.example.com:8443'] },
      permissions: { clipboardWrite: {} },
      domain: 'a.example',
    };
    const connected = await connect(era, { resources: [page(given)] });

    const { contents } = await connected.readResource({ uri: URI });
    expect(contents[0]?._meta).toEqual({ ui: { ...given, csp: { ...CLOSED, ...given.csp } } });
  });

  test('a resource of its own making opens nothing when it is read', async () => {
    const connected = await connect(era, { resources: [raw({})] });

    const { contents } = await connected.readResource({ uri: URI });
    expect(contents[0]?._meta).toEqual({ ui: { csp: CLOSED } });
  });
});

const RULE = /must be an exact https origin/;
test.each<[string, Partial<Definitions>, RegExp]>([
  [
    'a tool whose page does not exist',
    { tools: [tool({ resourceUri: 'ui://test/other.html' })] },
    /tool "show"/,
  ],
  ['a tool that names no page', { tools: [tool({ resourceUri: 'https://a.example' })] }, /resourceUri/],
  ['a misspelled field of a tool', { tools: [tool({ resourceURI: URI })] }, /resourceURI/],
  ['an unknown visibility', { tools: [tool({ visibility: ['user'] })] }, /visibility/],
  ['a misspelled field of a page', { resources: [page({ csp: { connect: [] } })] }, /"connect"/],
  ['another permission', { resources: [page({ permissions: { usb: {} } })] }, /usb/],
  ['a domain that is a URL', { resources: [page({ domain: 'https://a.example' })] }, /domain/],
  ['another media type', { resources: [raw({ mimeType: 'text/html' })] }, /mimeType/],
  ['a template', { resources: [raw({ uri: 'ui://test/{name}' })] }, /one URI/],
  ['a scheme in capitals', { resources: [raw({ uri: 'UI://test/page.html' })] }, /small letters/],
  ...[
    '*',
    'https://*',
    'https://*.example.com',
    'http://api.example.com',
    'https://api.example.com/',
    'https://api.example.com/path',
    'https://user@api.example.com',
    'https://api.example.com; script-src *',
    'https:',
    'data:',
    "'unsafe-eval'",
  ].map((origin): [string, Partial<Definitions>, RegExp] => [
    `the origin ${origin}`,
    { resources: [page({ csp: { resourceDomains: [origin] } })] },
    RULE,
  ]),
])('%s stops the start', (_what, definitions, words) => {
  expect(() => apps.prepare?.({ tools: [], resources: [], prompts: [], ...definitions })).toThrow(words);
});

test('a web socket is a connection, and no source of scripts', () => {
  const prepare = (csp: object) =>
    apps.prepare?.({ tools: [], resources: [page({ csp })], prompts: [] })?.resources;

  expect(prepare({ connectDomains: ['wss://live.example.com'] })).toHaveLength(1);
  expect(() => prepare({ resourceDomains: ['wss://live.example.com'] })).toThrow(RULE);
});

test('a file that is no HTML document is no page', () => {
  writeFileSync(join(folder, 'part.html'), '<p>part</p>');

  expect(() => page({ html: pathToFileURL(join(folder, 'part.html')) })).toThrow('<!doctype html>');
});

test('without the extension nothing is advertised', async () => {
  server = await serve({ tools: [], resources: [page()], prompts: [] }, []);
  client = new Client({ name: 'test', version: '1' });
  const requestInit = { headers: { 'x-api-key': server.key } };
  await client.connect(new StreamableHTTPClientTransport(server.url, { requestInit }));

  expect(client.getServerCapabilities()).not.toHaveProperty('extensions');
});
