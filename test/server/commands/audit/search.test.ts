import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { filter } from '../../../../src/server/commands/audit/filter.js';
import { toEcs } from '../../../../src/server/commands/audit/ecs.js';
import { toOcsf } from '../../../../src/server/commands/audit/ocsf.js';
import { type Call, Calls } from '../../../../src/server/commands/audit/calls.js';
import { AuditFiles } from './files.js';

const COMMAND = fileURLToPath(new URL('../../../../src/server/commands/audit.ts', import.meta.url));
const ESCAPE = String.fromCharCode(0x1b);

jest.setTimeout(30_000); // each test starts a process

let files: AuditFiles;

beforeEach(async () => {
  files = await AuditFiles.make();
  const audit = files.open('a.log');
  const ann = { issuer: 'https://i.example', subject: 'ann', method: 'jwt', scopes: ['a'] };
  const call = audit.trail('r1', { 'client.address': '192.0.2.1', 'http.method': 'POST', traceId: 't1' });
  call.note({
    caller: ann,
    'mcp.method.name': 'tools/call',
    'gen_ai.tool.name': 'search',
    decision: 'allow',
  });
  await call.received();
  audit
    .trail('r2', { decision: 'deny', reason: 'insufficient_scope', caller: ann })
    .end({ 'http.status': 403 });
  call.end({ 'http.status': 200, bytesOut: 12 });
  await audit.trail(`r3${ESCAPE}[31m`, { caller: { ...ann, subject: 'bob' } }).received();
  audit.trail('r4', { 'gen_ai.tool.name': `x${ESCAPE}]0;t\n` }).end();
  await audit.close();
});

afterEach(() => files.remove());

function run(...args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', COMMAND, ...args], {
    encoding: 'utf8',
  });
  return { stdout, stderr, status, rows: stdout.trimEnd().split('\n') };
}

const idsOf = (rows: readonly string[]) => rows.map((row) => (JSON.parse(row) as Call).requestId);

describe('npm run audit --', () => {
  test('search shows a call once, its records put together, and what has no end', () => {
    const { rows, status } = run('search', files.path('a.log'), '--format', 'json');

    expect(status).toBe(0);
    expect(idsOf(rows)).toEqual(['r2', 'r1', 'r4', `r3${ESCAPE}[31m`]);
    expect(JSON.parse(rows[1] ?? '')).toMatchObject({
      requestId: 'r1',
      'gen_ai.tool.name': 'search',
      'http.status': 200,
      stages: [
        { stage: 'received', seq: 0 },
        { stage: 'completed', seq: 2 },
      ],
    });
  });

  test('a table is for a person, and what a client wrote does nothing to the terminal', () => {
    const { stdout, rows } = run('search', files.path('a.log'));

    expect(rows[0]).toMatch(/^TIME +DECISION +STATUS/);
    expect(rows[1]).toMatch(/deny +403 .* ann +insufficient_scope +completed +r2$/);
    expect(rows).toHaveLength(5);
    expect(stdout).not.toContain(ESCAPE);
  });

  test('verify says what is there, exits with 1 at a problem and names the first', async () => {
    const key = await files.publicKey();
    const args = ['verify', files.path('a.log'), files.path('checkpoints.log'), '--key', key];
    const good = run(...args);
    expect(good).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/seq 0 to 4.*signed up to seq 4/),
    });
    expect(good.stdout).toMatch(/5 records, 1 checkpoints, 0 torn lines\nNo problem found.\n$/);

    await files.change('a.log', (lines) => lines.toSpliced(1, 1));
    const bad = run(...args);
    expect(bad.status).toBe(1);
    expect(bad.stdout).toContain(
      `Problems, the first one first:\n  ${files.path('a.log')} line 2 (seq 2, request "r1")`,
    );
  });

  test.each([
    ['no file', ['verify']],
    ['an unknown format', ['search', 'x', '--format', 'xml']],
    ['a decision that there is not', ['search', 'x', '--decision', 'maybe']],
  ])('%s is a wrong argument', (_, args) => {
    expect(run(...args)).toMatchObject({
      status: 64,
      stdout: '',
      stderr: expect.stringMatching(/See --help\n$/),
    });
  });

  test('a file that cannot be read is 1', () => {
    expect(run('verify', files.path('none'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('ENOENT'),
    });
  });

  test('follow shows the calls from now on, across a rotation, and ends with a signal', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', COMMAND, 'follow', files.path('a.log')]);
    const exit = once(child, 'exit');
    try {
      let text = '';
      child.stdout.on('data', (data: Buffer) => (text += data.toString()));
      const shown = async (id: string) => {
        while (!text.includes(id)) await once(child.stdout, 'data');
      };
      await shown('TIME');
      const written = writeUntil('now', () => text.includes('now-'));
      await shown('now-');
      await written;
      await rename(files.path('a.log'), files.path('a.log.1'));
      await files.write('a.log', 1);
      await shown('a.log-0');
      child.kill('SIGINT');

      expect((await exit)[0]).toBe(0);
      expect(text).not.toContain(' r1\n');
    } finally {
      child.kill('SIGKILL');
    }
  });

  /** Nobody says when it follows: a call is written again and again. */
  async function writeUntil(id: string, isSeen: () => boolean): Promise<void> {
    const [line = ''] = await files.lines('a.log').then((lines) => lines.filter((l) => l.includes('"r2"')));
    for (let i = 0; !isSeen(); i++) {
      await appendFile(files.path('a.log'), `${line.replace('"r2"', `"${id}-${i}"`)}\n`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});

async function calls(): Promise<ReadonlyMap<string, Call>> {
  const together = new Calls();
  const all = (await files.lines('a.log')).flatMap((line) => together.add(Buffer.from(line)) ?? []);
  return new Map([...all, ...together.unended()].map((call) => [call.requestId, call]));
}

test.each([
  [{ caller: 'ann' }, ['r2', 'r1']],
  [{ caller: 'https://i.example ann', decision: 'deny' }, ['r2']],
  [{ tool: 'search' }, ['r1']],
  [{ request: 'r4' }, ['r4']],
  [{ since: '1h', until: '2999-01-01' }, ['r2', 'r1', 'r4', `r3${ESCAPE}[31m`]],
  [{ until: '1h' }, []],
  [{ caller: 'an' }, []],
])('the filters %j leave the calls %j', async (filters, expected) => {
  const isWanted = filter(filters);
  expect([...(await calls()).values()].filter(isWanted).map(({ requestId }) => requestId)).toEqual(expected);
});

test('a filter for a time that is none is refused', () => {
  expect(() => filter({ since: 'yesterday' })).toThrow(RangeError);
});

test('in the Elastic Common Schema a call has the fields of its field sets, and its hash', async () => {
  const [allowed, denied] = ['r1', 'r2'].map(async (id) => toEcs((await calls()).get(id) as Call));

  expect(await allowed).toMatchObject({
    '@timestamp': expect.any(String),
    event: {
      kind: 'event',
      category: ['api'],
      type: ['access', 'allowed'],
      action: 'tools/call',
      outcome: 'success',
      id: 'r1',
      sequence: 2,
      hash: expect.stringMatching(/^[\da-f]{64}$/),
    },
    client: { ip: '192.0.2.1' },
    user: { id: 'ann', domain: 'https://i.example' },
    http: { request: { method: 'POST' }, response: { status_code: 200, bytes: 12 } },
    trace: { id: 't1' },
    mcp: { tool: 'search' },
  });
  expect(await denied).toMatchObject({
    event: { type: ['access', 'denied'], outcome: 'failure', reason: 'insufficient_scope' },
  });
});

test('as API Activity a record without a client comes from stdio or from the process itself', async () => {
  const { 'client.address': _, caller: _caller, ...start } = (await calls()).get('r1') as Call;

  expect(toOcsf(start).src_endpoint).toEqual({ name: 'server' });
  const local = { ...start, caller: { issuer: 'stdio', subject: 'local', method: 'stdio', scopes: [] } };
  expect(toOcsf(local as Call).src_endpoint).toEqual({ name: 'stdio' });
});

test('as API Activity a call has what the class requires', async () => {
  const all = await calls();
  const [allowed, denied, running] = ['r1', 'r2', `r3${ESCAPE}[31m`].map((id) => toOcsf(all.get(id) as Call));

  for (const event of [allowed, denied, running]) {
    expect(event).toMatchObject({
      class_uid: 6003,
      category_uid: 6,
      type_uid: 6003 * 100 + (event?.activity_id ?? 0),
      time: expect.any(Number),
      severity_id: expect.any(Number),
      metadata: { version: '1.3.0', product: { vendor_name: expect.any(String) } },
      actor: { user: { uid: expect.any(String) } },
      api: { operation: expect.any(String) },
    });
    expect(Object.values(event?.src_endpoint ?? {})).toHaveLength(1);
  }
  expect(allowed).toMatchObject({
    activity_id: 99,
    activity_name: 'tools/call',
    status_id: 1,
    action_id: 1,
    resources: [{ type: 'tool', name: 'search' }],
    api: { request: { uid: 'r1' }, response: { code: 200 } },
  });
  expect(denied).toMatchObject({
    status_id: 2,
    action_id: 2,
    disposition_id: 2,
    status_code: 'insufficient_scope',
  });
  expect(running?.status_id).toBe(0);
});

test.each([
  ['tools/list', 2],
  ['resources/read', 2],
  ['resources/templates/list', 2],
  ['server/discover', 2],
  ['tools/call', 99],
  ['resources/subscribe', 99],
])('%s is the activity %i', async (method, activity) => {
  const call = { ...((await calls()).get('r1') as Call), 'mcp.method.name': method };

  expect(toOcsf(call).activity_id).toBe(activity);
});
