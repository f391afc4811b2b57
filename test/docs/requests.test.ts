/** Requests and answers of the pages, with curl and the example client, on a real server. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool } from '../../src/server/mcp/definitions/tool.js';
import { blocks, read } from '../helpers/pages.js';
import { processFiles } from '../helpers/process-files.js';
import { describeWithPrograms } from '../helpers/programs.js';
import { serve, type Served } from '../helpers/serve.js';
import { openShell, type Printed, type Shell, standInForNpm } from '../helpers/shell.js';
import { shownFor } from './shell-blocks.js';

const tools = [
  processFiles,
  defineTool({
    name: 'remind_readers', // as the page on adding a tool has it
    description: 'Asks first',
    scopes: [],
    input: z.object({ readers: z.array(z.string()), kind: z.enum(['due', 'overdue']) }),
    run: async ({ readers }, context) => {
      const requestedSchema = { type: 'object', properties: { confirm: { type: 'boolean' } } };
      const params = { message: 'Sure?', requestedSchema };
      const { action } = await context.ask('sure', { method: 'elicitation/create', params });
      return `${action} for ${readers.join()}`;
    },
  }),
];

let server: Served;
let shell: Shell;
beforeAll(async () => {
  server = await serve({ tools, resources: [], prompts: [] }, [], { LEGACY_SSE: 'true' });
  shell = openShell();
  standInForNpm(shell);
});
afterAll(async () => {
  await server.close();
  shell.remove();
});

/** With our server in place of that on the page. */
const filled = (command: string) =>
  command
    .replaceAll('http://127.0.0.1:3000', server.url.origin)
    .replaceAll('http://127.0.0.1:9464', server.adminUrl.origin)
    .replaceAll(/ KEY(?= )/g, ` ${server.key}`);
const env = () => ({ URL: server.url.href, KEY: server.key });
const commands = shownFor('docs/requests').map(({ text }) => text);
const isCurl = (command: string) => command.startsWith('curl ');
const isEndless = (command: string) => command.includes('/sse');

/** What each shows, by words that only it has. */
const SHOWN: Readonly<Record<string, (printed: Printed) => void>> = {
  "'%{http_code}": ({ stdout }) => expect(stdout).toBe('401\n'),
  'X-Forwarded-For': ({ stdout, stderr }) => expect(stdout + stderr).toBe(''),
  '"$KEY" list': ({ stdout }) =>
    expect(stdout).toMatch(/^Tools\n {2}process_files +Counts\n[^]*\nResources\nPrompts\n$/),
  'process .': ({ stdout, stderr }) => {
    expect(stdout).toContain(`${'a'.repeat(64)}  .`);
    const live = [
      'connected, revision 2026-07-28',
      'info      looking path="."',
      'progress 1/1 (100%) counted',
      '',
    ];
    expect(stderr).toBe(live.join('\n'));
  },
  'call remind_readers': ({ stdout, stderr }) => {
    expect(stdout).toBe('decline for A0001\n');
    expect(stderr).toContain('The server asks: Sure?');
  },
  'grep mcp_legacy_sse': ({ stdout }) => expect(stdout).toMatch(/^mcp_legacy_sse_requests_total \d+$/m),
};

/** @throws when it fails, or prints something else */
async function paste(command: string): Promise<void> {
  const [shown, ...more] = Object.entries(SHOWN).filter(([words]) => command.includes(words));
  expect(more).toEqual([]);
  if (shown === undefined) throw new Error('nothing is known of what it shows');
  shown[1](await shell.run(filled(command), env()));
}

test.each(commands.filter((one) => !isCurl(one)))('shows what is said of it: %s', paste);

describeWithPrograms(['curl'], 'curl on a page', () => {
  test.each(commands.filter((one) => isCurl(one) && !isEndless(one)))('shows what is said of it: %s', paste);

  test.each(commands.filter(isEndless))('shows the stream as it comes: %s', async (command) => {
    const child = shell.start(`exec ${filled(command)}`, env());
    let begin = '';
    child.stdout?.setEncoding('utf8');
    for await (const chunk of child.stdout ?? []) {
      begin += String(chunk);
      if (begin.includes('sessionId=')) break;
    }
    child.kill();
    if (child.exitCode === null) await once(child, 'close');

    expect(begin).toMatch(/^: open\n\nevent: endpoint\ndata: \/messages\?sessionId=/);
  });

  test('claims no address: the audit has that of the connection', async () => {
    const addresses = (await server.audited()).map((record) => record['client.address']);

    expect(new Set(addresses)).toEqual(new Set(['127.0.0.1']));
  });
});

test('the refusal of the page on the layers is what a page of a foreign origin gets', async () => {
  const [shown, ...more] = blocks(read('docs/request-lifecycle.md')).filter(
    ({ language }) => language === 'json',
  );
  const response = await fetch(server.url, { method: 'POST', headers: { Origin: 'https://evil.example' } });
  const requestId = response.headers.get('x-request-id');
  const example = JSON.parse(String(shown?.text)) as { error: { code: number; data: object } };

  expect(more).toEqual([]);
  expect(response.status).toBe(example.error.code);
  expect(await response.json()).toEqual({
    ...example,
    error: { ...example.error, data: { ...example.error.data, requestId } },
  });
});
