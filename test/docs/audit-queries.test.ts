/** The queries of the pages on an audit that a server wrote. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithPrograms } from '../helpers/programs.js';
import { openShell, type Shell } from '../helpers/shell.js';
import { until } from '../helpers/until.js';
import { type ReadRecord, readRecords } from '../server/observe/records.js';
import { callTool, discover } from '../server/process/requests.js';
import { closeAll, start, type Started } from '../server/process/start.js';
import { shownFor } from './shell-blocks.js';

const queries = shownFor('docs/audit-queries').map(({ text }) => text);

interface Seen {
  /** Of the call that is over, and of the one that is not. */
  readonly done: ReadRecord;
  readonly open: ReadRecord;
  readonly records: readonly ReadRecord[];
}

const callerOf = (record: ReadRecord) => record['caller'] as { subject: string; keyId: string } | undefined;
const members = (record: ReadRecord, ...names: readonly string[]) =>
  JSON.stringify(names.map((name) => record[name] ?? null));

/** What a query prints, by words that only it has; spaces at the beginning of a line do not count. */
const PRINTED: Readonly<Record<string, (seen: Seen) => readonly string[]>> = {
  '.requestId == $id': ({ done, records }) =>
    records.filter(({ requestId }) => requestId === done.requestId).map((record) => JSON.stringify(record)),
  '.decision == "deny"': () => ['2 credentials_invalid', '1 origin_not_allowed'],
  '.reason == "credentials_invalid"': () => ['2 127.0.0.1\tnot_an_api_key'],
  '.caller.subject == $who': ({ done, records }) =>
    records
      .filter((record) => callerOf(record)?.subject === callerOf(done)?.subject)
      .map((record) =>
        members(
          record,
          ...'time stage client.address mcp.method.name gen_ai.tool.name http.status'.split(' '),
        ),
      ),
  'select(.caller) |': ({ done }) => [`1 ${callerOf(done)?.subject}`],
  '== $tool': ({ open }) => {
    const { digest } = open['arguments'] as { digest: string };
    return [[open['time'], callerOf(open)?.subject, digest].join('\t')];
  },
  'group_by(.requestId)': ({ open }) => [open.requestId],
  'fromjson?': () => [],
  '"/sse"': ({ done }) => [`1 ${callerOf(done)?.keyId}`],
};

describeWithPrograms(['jq'], 'a query on the audit', () => {
  let server: Started;
  let shell: Shell;
  let seen: Seen;
  let call: Promise<Response>;

  beforeAll(async () => {
    shell = openShell();
    server = await start({ AUTH: 'api-key', LEGACY_SSE: 'true' });
    await makeTraffic();
    const find = (stage: string, tool: string) => (record: ReadRecord) =>
      record.stage === stage && record['gen_ai.tool.name'] === tool;
    const records = async () => readRecords(server.audit);
    await until(async () => (await records()).some(({ stage }) => stage === 'stream-close'));
    const all = await records();
    const [done, open] = [all.find(find('completed', 'crash')), all.find(find('received', 'wait'))];
    if (!done || !open) throw new Error('the audit has not what was done');
    seen = { done, open, records: all };
    for (const name of ['audit.log', 'audit.jsonl'])
      await writeFile(join(shell.folder, name), await readFile(server.audit));
  });
  afterAll(async () => {
    server?.events.emit('release');
    await call;
    await closeAll();
    shell?.remove();
  });

  /** Two who guess, a page that may not, a stream that came to its end, a call that did and one that did not. */
  async function makeTraffic(): Promise<void> {
    const key = { 'X-Api-Key': String(server.developmentKey) };
    for (let i = 0; i < 2; i++) await discover(server.url, { 'X-Api-Key': 'guessed' });
    await discover(server.url, { ...key, Origin: 'https://evil.example' });
    await callTool(server.url, 'crash', key);
    const stream = await fetch(new URL('/sse', server.url), {
      headers: { ...key, Accept: 'text/event-stream' },
    });
    await stream.body?.cancel();
    const waiting = once(server.events, 'waiting');
    call = callTool(server.url, 'wait', key);
    await waiting;
  }

  const run = async (query: string, log = 'audit.log') => {
    const filled = query
      .replace('audit.log', log)
      .replace('REQUEST-ID', seen.done.requestId)
      .replace('SUBJECT', String(callerOf(seen.done)?.subject))
      .replace('--arg tool delete_document', '--arg tool wait');
    const { stdout } = await shell.run(filled);
    return stdout.split('\n').flatMap((line) => line.trim() || []);
  };

  test.each(queries)('finds what it promises: %s', async (query) => {
    const [expected, ...more] = Object.entries(PRINTED).filter(([words]) => query.includes(words));

    expect(more).toEqual([]);
    expect(await run(query)).toEqual(expected?.[1](seen));
  });

  test('that looks for gaps finds the record that is missing, and takes a torn line for none', async () => {
    const lines = seen.records.map((record) => JSON.stringify(record));
    const torn = String(lines[5]).slice(0, 40);
    const damaged = [...lines.slice(0, 3), ...lines.slice(4, 5), torn, ...lines.slice(5)];
    await writeFile(join(shell.folder, 'damaged.log'), `${damaged.join('\n')}\n`);
    const query = String(queries.find((one) => one.includes('fromjson?')));

    expect(await run(query, 'damaged.log')).toEqual([
      `gap in ${String(seen.done['replica'])} after ${seen.records[2]?.seq}`,
    ]);
  });
});
