import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Audit, type AuditOptions, openAudit } from '../../../src/server/observe/audit.js';
import { NOTHING_BEFORE } from '../../../src/server/observe/audit-chain.js';
import { until } from '../../helpers/until.js';
import { type ReadRecord, readRecords } from './records.js';

const FULL_DISK = '/dev/full';
const testOnFullDisk = existsSync(FULL_DISK) ? test : test.skip;
const UNAVAILABLE = { code: 'audit_unavailable', status: 503 };

let directory: string;
let file: string;
let audits: Audit[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'audit-'));
  file = join(directory, 'audit.log');
  audits = [];
});

afterEach(async () => {
  await Promise.all(audits.map((audit) => audit.close()));
  await rm(directory, { recursive: true, force: true });
});

function open(paths: string | readonly string[], options: Partial<AuditOptions> = {}): Audit {
  const sinks = [paths].flat().map((path) => ({ kind: 'file' as const, path }));
  const audit = openAudit({ sinks, mode: 'strict', hmacKey: randomBytes(32), replica: 'pod-1', ...options });
  audits.push(audit);
  return audit;
}

const digestOf = (record: object | undefined) =>
  (record as { arguments: { digest: string } }).arguments.digest;

function complete(audit: Audit, count: number, from = 0): void {
  for (let i = from; i < from + count; i++) audit.trail(`r${i}`, {}).end();
}

describe('the records of a request', () => {
  test('a plain answer is one completed record', async () => {
    const audit = open(file);
    const trail = audit.trail('r1', { 'http.method': 'POST', 'client.address': '192.0.2.1' });
    trail.note({ 'http.path': '/mcp' });
    trail.end({ 'http.status': 200 });
    trail.end({ 'http.status': 500 });
    await audit.flush();

    expect(await readRecords(file)).toEqual([
      {
        schema: 1,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        seq: 0,
        replica: 'pod-1',
        chain: expect.stringMatching(/^[\w-]{16}$/),
        stage: 'completed',
        requestId: 'r1',
        'client.address': '192.0.2.1',
        'http.method': 'POST',
        'http.path': '/mcp',
        'http.status': 200,
        durationMs: expect.any(Number),
        prev: '0'.repeat(64),
        hash: expect.stringMatching(/^[\da-f]{64}$/),
      },
    ]);
  });

  test('a stream is opened and closed, once each, and never completed', async () => {
    const audit = open(file);
    const trail = audit.trail('r1', {});
    trail.streamOpen();
    trail.streamOpen();
    trail.end();
    trail.streamOpen();
    await audit.flush();

    expect((await readRecords(file)).map(({ stage }) => stage)).toEqual(['stream-open', 'stream-close']);
  });

  test('sessions and arguments stand there as digests, and only the values declared safe in clear', async () => {
    const audit = open(file);
    const received = ['{"a":"ok","b":{"x":"hunter2"}}', '{"a":"ok","b":{"x":"hunter2"}}', '{"a":"no"}'];
    for (const json of received) {
      const trail = audit.trail('r', {});
      trail.session('session-id');
      trail.arguments(Buffer.from(json), JSON.parse(json), ['a', 'constructor', 'absent']);
      trail.end();
    }
    await audit.flush();
    const [first, second, third] = await readRecords(file);

    expect(first?.['arguments']).toEqual({ digest: expect.any(String), bytes: 30, values: { a: 'ok' } });
    expect(second?.['arguments']).toEqual(first?.['arguments']);
    expect(third).toHaveProperty('arguments.digest');
    expect(third).not.toHaveProperty('arguments.digest', digestOf(first));
    expect(first?.['mcp.session']).toMatch(/^[\w-]{22}$/);
    expect(second?.['mcp.session']).toBe(first?.['mcp.session']);
    const text = await readFile(file, 'utf8');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('session-id');
  });

  test('digests of another key are others', async () => {
    const other = join(directory, 'other.log');
    for (const audit of [open(file), open(other)]) {
      const trail = audit.trail('r', {});
      trail.session('s');
      trail.end();
      await audit.flush();
    }
    const [[a], [b]] = [await readRecords(file), await readRecords(other)];

    expect(a?.['mcp.session']).not.toBe(b?.['mcp.session']);
  });

  test('arguments that are no object do not break the audit', async () => {
    const audit = open(file);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    for (const args of [undefined, null, 'text', cycle, () => {}]) {
      const trail = audit.trail('r', {});
      trail.arguments('', args, ['self']);
      trail.end();
    }
    await audit.flush();

    expect(await readRecords(file)).toHaveLength(5);
  });

  test('the file is for its owner only, and its parts are numbered without a gap', async () => {
    const audit = open(file);
    complete(audit, 1000);
    await audit.flush();

    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readRecords(file)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
  });

  test('a half record that a crash left does not spoil the next', async () => {
    await writeFile(file, '{"half":');
    const audit = open(file);
    complete(audit, 1);
    await audit.flush();

    expect(await readFile(file, 'utf8')).toMatch(/^\{"half":\n\{"schema":1.*\}\n$/);
  });
});

describe('strict mode', () => {
  test('a tool goes on only when its record is in the file', async () => {
    const audit = open(file);
    await audit.trail('r1', {}).received();

    expect(await readRecords(file)).toMatchObject([{ stage: 'received', requestId: 'r1' }]);
  });

  testOnFullDisk(
    'a full disk refuses the tool, then the next request at once, and says so once',
    async () => {
      const onProblem = jest.fn();
      const audit = open(FULL_DISK, { onProblem });
      expect(audit.accepting()).toBe(true);

      await expect(audit.trail('r1', {}).received()).rejects.toMatchObject(UNAVAILABLE);
      expect(audit.accepting()).toBe(false);
      expect(audit.healthy()).toBe(false);
      const started = performance.now();
      await expect(audit.trail('r2', {}).received()).rejects.toMatchObject(UNAVAILABLE);
      expect(performance.now() - started).toBeLessThan(100);
      expect(onProblem.mock.calls.map(([message]) => message)).toEqual(['audit sink failing']);
      await rm(directory, { recursive: true });
      audits = []; // cannot be flushed: the disk stays full
    },
  );

  testOnFullDisk('one sink that works is enough', async () => {
    const audit = open([FULL_DISK, file]);
    await audit.trail('r1', {}).received();
    await audit.trail('r2', {}).received();

    expect(audit.healthy()).toBe(true);
    expect(await readRecords(file)).toHaveLength(2);
    audits = [];
  });

  testOnFullDisk(
    'a disk with room again is used without a restart, and nothing is lost or doubled',
    async () => {
      const onProblem = jest.fn();
      const link = join(directory, 'link');
      await symlink(FULL_DISK, link);
      const audit = open(link, { onProblem });
      await expect(audit.trail('r0', {}).received()).rejects.toMatchObject(UNAVAILABLE);
      complete(audit, 3, 1);
      await unlink(link);
      await symlink(file, link);
      await until(() => audit.accepting());
      await audit.trail('r4', {}).received();

      expect((await readRecords(file)).map(({ requestId }) => requestId)).toEqual([
        'r0',
        'r1',
        'r2',
        'r3',
        'r4',
      ]);
      expect(onProblem).toHaveBeenLastCalledWith('audit sink recovered', { sink: link, dropped: 0 });
    },
  );

  test('a directory deleted under the file is noticed, and used again when it is back', async () => {
    const inner = join(directory, 'logs');
    await mkdir(inner);
    const audit = open(join(inner, 'audit.log'));
    await audit.trail('r0', {}).received();
    await rm(inner, { recursive: true });
    await expect(audit.trail('r1', {}).received()).rejects.toMatchObject(UNAVAILABLE);
    await mkdir(inner);
    await until(() => audit.accepting());
    await audit.trail('r2', {}).received();

    expect((await readRecords(join(inner, 'audit.log'))).map(({ requestId }) => requestId)).toEqual([
      'r1',
      'r2',
    ]);
  });
});

describe('batch mode', () => {
  test('a tool does not wait, and the record follows', async () => {
    const audit = open(file, { mode: 'batch' });
    await audit.trail('r1', {}).received();
    await audit.flush();

    expect(await readRecords(file)).toMatchObject([{ stage: 'received' }]);
  });

  test('streams that all end in the same moment leave a record each, in a queue that is as full as it may be', async () => {
    const metrics = { auditDropped: jest.fn(), auditWritten: jest.fn(), request: jest.fn() };
    const audit = open(file, { metrics, inProgress: 2_500 });
    const streams = Array.from({ length: 2_500 }, (_, i) =>
      audit.trail(`r${i}`, { 'http.path': 'x'.repeat(700) }),
    );
    for (const stream of streams) stream.streamOpen();
    await audit.flush();
    const large = Array.from({ length: 14 }, () => 'x'.repeat(1000));
    while (audit.accepting()) audit.trail('large', { detail: { large } }).end();
    for (const stream of streams) stream.end();

    expect(metrics.auditDropped).not.toHaveBeenCalled();
    await audit.flush();
    const closed = (await readRecords(file)).filter(({ stage }) => stage === 'stream-close');
    expect(closed).toHaveLength(streams.length);
  });

  test('while no sink works requests are served until the queue is full, memory stays bounded, the loss shows', async () => {
    const onProblem = jest.fn();
    const metrics = { auditDropped: jest.fn(), auditWritten: jest.fn(), request: jest.fn() };
    const missing = join(directory, 'missing', 'audit.log');
    const audit = open(missing, { mode: 'batch', onProblem, metrics });
    await until(() => !audit.healthy());
    const inProgress = Array.from({ length: 30_000 }, (_, i) => audit.trail(`r${i}`, {}));
    let served = 0;
    while (audit.accepting()) {
      await audit.trail(`r${served++}`, { 'http.path': 'x'.repeat(1000) }).received();
    }
    await expect(audit.trail('refused', {}).received()).rejects.toMatchObject(UNAVAILABLE);
    expect(served).toBeGreaterThan(1000);
    for (const trail of inProgress) trail.end(); // what was being served still ends, as far as there is room
    const dropped = metrics.auditDropped.mock.calls.length;
    expect(audit.queuedBytes()).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(dropped).toBeGreaterThan(0);

    await mkdir(join(directory, 'missing'));
    await until(() => audit.accepting() && audit.queuedBytes() === 0);
    complete(audit, 1);
    await audit.flush();
    const seqs = (await readRecords(missing)).map(({ seq }) => seq);
    expect(seqs.at(-1)).toBe(served + 30_000);
    expect(seqs).toHaveLength(served + 30_000 + 1 - dropped);
    expect(onProblem.mock.calls.map(([message]) => message)).toEqual([
      'audit sink failing',
      'audit sink dropping',
      'audit sink recovered',
    ]);
    expect(onProblem).toHaveBeenLastCalledWith('audit sink recovered', { sink: missing, dropped });
  });
});

test.each(['strict', 'batch'] as const)(
  '%s: requests that are refused because no sink works take no room from those that were in progress',
  async (mode) => {
    const missing = join(directory, 'missing', 'audit.log');
    const audit = open(missing, { mode });
    const inProgress = Array.from({ length: 1000 }, (_, i) => audit.trail(`r${i}`, {}));
    await until(() => !audit.healthy());
    const path = { 'http.path': 'x'.repeat(1000) };
    if (mode === 'batch') while (audit.accepting()) audit.trail('accepted', path).end();
    for (let i = 0; i < 10_000; i++) audit.trail('refused', path, audit.accepting()).end();
    for (const trail of inProgress) trail.end();

    await mkdir(join(directory, 'missing'));
    await until(() => audit.accepting() && audit.queuedBytes() === 0);
    const written = new Set((await readRecords(missing)).map(({ requestId }) => requestId));
    expect(inProgress.filter(({ requestId }) => !written.has(requestId))).toEqual([]);
  },
);

describe('the chain', () => {
  const links = async (...paths: string[]) =>
    (await Promise.all(paths.map(readRecords))).flat().map(({ prev, hash }) => [prev, hash]);

  test('each record names the hash of the one before, also across a rotation', async () => {
    const audit = open(file);
    complete(audit, 20);
    await audit.flush();
    await rename(file, `${file}.1`);
    await audit.reopen();
    complete(audit, 20);
    await audit.flush();
    const all = await links(`${file}.1`, file);

    expect(all).toHaveLength(40);
    expect(all.map(([prev]) => prev)).toEqual([NOTHING_BEFORE, ...all.slice(0, -1).map(([, hash]) => hash)]);
  });

  test('a restart begins a chain that follows the last whole record of its file', async () => {
    const first = open(file);
    complete(first, 3);
    await first.close();
    await appendFile(file, '{"schema":1,"torn');
    const second = open(file);
    complete(second, 1);
    await second.close();
    const lines = (await readFile(file, 'utf8')).split('\n');
    const [before, after] = [lines[2], lines[4]].map((line) => JSON.parse(line ?? '') as ReadRecord);

    expect(after?.['prev']).toBe(before?.['hash']);
    expect(after?.['chain']).not.toBe(before?.['chain']);
    expect(after?.seq).toBe(0);
  });

  test.each([
    ['no file', async () => {}],
    ['an empty file', () => writeFile(file, '')],
    ['a file of something else', () => writeFile(file, 'x'.repeat(200_000))],
  ])('where there is %s, it begins with nothing before it', async (_, make) => {
    await make();
    const audit = open(file);
    complete(audit, 1);
    await audit.close();
    const [last = ''] = (await readFile(file, 'utf8')).split('\n').slice(-2);

    expect(JSON.parse(last)).toHaveProperty('prev', NOTHING_BEFORE);
  });
});

describe('rotation and shutdown', () => {
  test('after a rename and reopen, records go to a new file, none to neither', async () => {
    const audit = open(file);
    const rotated = `${file}.1`;
    await audit.trail('first', {}).received();
    complete(audit, 500);
    await rename(file, rotated);
    complete(audit, 500);
    await audit.reopen();
    await audit.trail('after', {}).received();
    const [old, fresh] = [await readRecords(rotated), await readRecords(file)];

    expect(fresh.at(-1)?.requestId).toBe('after');
    expect([...old, ...fresh].map(({ seq }) => seq)).toEqual(Array.from({ length: 1002 }, (_, i) => i));
  });

  test('close writes what is queued, and later records are refused', async () => {
    const audit = open(file);
    complete(audit, 10);
    await audit.close();

    expect(await readRecords(file)).toHaveLength(10);
    expect(audit.accepting()).toBe(false);
    await expect(audit.trail('late', {}).received()).rejects.toMatchObject(UNAVAILABLE);
  });

  test('the records of one turn are one write', async () => {
    const auditWritten = jest.fn();
    const audit = open(file, { metrics: { auditWritten, auditDropped: jest.fn(), request: jest.fn() } });
    complete(audit, 500);
    await audit.flush();

    expect(auditWritten).toHaveBeenCalledTimes(1);
  });

  test('an audit without a sink is a mistake of the developer', () => {
    expect(() => open([])).toThrow(TypeError);
  });
});
