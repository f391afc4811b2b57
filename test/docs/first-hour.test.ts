/** One request id followed as docs/first-hour.md does it: from the answer to the audit, the log and the trace. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Running, runFile } from '../helpers/built.js';
import { blocks, read } from '../helpers/pages.js';
import { describeWithPrograms } from '../helpers/programs.js';
import { openShell, type Shell } from '../helpers/shell.js';
import { type Receiver, startReceiver } from '../server/observe/otlp-receiver.js';
import { callTool } from '../server/process/requests.js';
import { shownFor } from './shell-blocks.js';

/** Its tool `rejection` fails with an error that no caller may see. */
const CHILD = fileURLToPath(new URL('../server/process/children/stray.ts', import.meta.url));

/** The id of an API key. */
const OF_KEY = /"[\w-]{12}"/g;

const queries = shownFor('docs/first-hour').map(({ text }) => text);
const shown = blocks(read('docs/first-hour.md'))
  .filter(({ language }) => language === 'text')
  .map(({ text }) => text);

describeWithPrograms(['jq'], 'a failed call', () => {
  let collector: Receiver;
  let shell: Shell;
  let server: Running;
  let said: string;
  let requestId: string;

  beforeAll(async () => {
    [collector, shell] = [await startReceiver(), openShell()];
    server = runFile(
      CHILD,
      {
        PORT: '0',
        ADMIN_PORT: '0',
        AUDIT_SINKS: `file:${join(shell.folder, 'audit.log')}`,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      },
      '--import',
      'tsx',
    );
    const url = String((await server.saw(/^Serving MCP on (\S+)$/m))[1]);
    const key = String((await server.saw(/^ {2}(mcp_\S+)$/m))[1]);
    const answer = await callTool(url, 'rejection', { 'X-Api-Key': key });
    const { result } = (await answer.json()) as { result: { content: [{ text: string }] } };
    [said, requestId] = [result.content[0].text, String(answer.headers.get('x-request-id'))];
    server.child.kill('SIGTERM');
    expect(await server.ended()).toBe(0);
    await writeFile(join(shell.folder, 'server.log'), server.printed.stderr);
  }, 60_000);
  afterAll(() => {
    server.child.kill('SIGKILL');
    collector.close();
    shell.remove();
  });

  const ask = async (words: string): Promise<string> => {
    const [query, ...more] = queries.filter((one) => one.includes(words));
    expect(more).toEqual([]);
    return (await shell.run(String(query).replace('REQUEST-ID', requestId))).stdout;
  };

  test('tells its caller the id and nothing else, as the page shows', () => {
    expect(said).toBe(`Internal error (request ${requestId})`);
    expect(shown[0]).toMatch(/^Internal error \(request [\w-]{36}\)\n$/);
  });

  test('is in the audit, from its beginning to how it ended, as the page shows', async () => {
    const printed = (await ask('.stage'))
      .replaceAll(/"\d{4}-[^"]+Z"/g, 'TIME')
      .replaceAll('rejection', 'word_count')
      .replaceAll(OF_KEY, 'KEY');

    expect(printed).toBe(shown[1]?.replaceAll(/"\d{4}-[^"]+Z"/g, 'TIME').replaceAll(OF_KEY, 'KEY'));
  });

  test('is in the log, with the error that the caller did not see', async () => {
    const printed = await ask('server.log');

    expect(printed).toMatch(/^a definition failed\nError: stray [^]*\n {4}at .*stray\.ts:\d+:\d+/);
    expect(shown[2]).toMatch(/^a definition failed\n\w*Error: …\n {4}at .*\.ts:\d+:\d+/);
  });

  test('has its trace under the id that the audit names', async () => {
    const traceId = (await ask('.traceId')).trim();
    const traced = collector.spans.filter((span) => span.traceId === traceId);

    expect(traced.map(({ name }) => name)).toContain('tools/call rejection');
  });
});
