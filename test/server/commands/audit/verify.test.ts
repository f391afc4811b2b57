import { generateKeyPairSync } from 'node:crypto';
import { copyFile, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { verify, type Verdict } from '../../../../src/server/commands/audit/verify.js';
import { sha256 } from '../../../../src/server/observe/audit-line.js';
import { escapeUnsafe } from '../../../../src/server/observe/unsafe-characters.js';
import { canonicalJson } from '../../../../src/server/observe/canonical-json.js';
import { AuditFiles } from './files.js';

let files: AuditFiles;

beforeEach(async () => void (files = await AuditFiles.make()));
afterEach(() => files.remove());

interface Given {
  readonly key?: string | undefined;
  readonly isOldestMissing?: boolean;
}

async function check(
  names: readonly string[],
  { key, isOldestMissing = false }: Given = {},
): Promise<Verdict> {
  return verify(
    names.map((name) => files.path(name)),
    { keyFile: key, isOldestMissing },
  );
}

const problemsOf = async (names: readonly string[], given?: Given) => (await check(names, given)).problems;

/** With the public key and the checkpoints. */
async function signedProblemsOf(...names: readonly string[]): Promise<readonly string[]> {
  return problemsOf([...names, 'checkpoints.log'], { key: await files.publicKey() });
}

const swap = (lines: string[], a: number, b: number) =>
  lines.with(a, lines[b] as string).with(b, lines[a] as string);

describe('what the server wrote is whole', () => {
  test('across restarts, rotations and compression, of several replicas, in any order of files', async () => {
    await files.write('a.log', 30);
    await files.write('a.log', 30); // a restart
    const audit = files.open('a.log');
    audit.trail('before', {}).end();
    await audit.flush();
    await rename(files.path('a.log'), files.path('a.log.1'));
    await audit.reopen();
    audit.trail('after', {}).end();
    await audit.close();
    await files.write('b.log', 30, { replica: 'pod-2' });
    await writeFile(files.path('a.log.1.gz'), gzipSync(await readFile(files.path('a.log.1'))));

    const names = ['b.log', 'a.log', 'checkpoints.log', 'a.log.1.gz'];
    const verdict = await check(names, { key: await files.publicKey() });
    expect(verdict.problems).toEqual([]);
    expect(verdict).toMatchObject({ records: 92, checkpoints: 4, torn: 0 });
    expect([...verdict.chains].map(({ replica, signed, next }) => [replica, signed?.size === next])).toEqual([
      ['pod-1', true],
      ['pod-1', true],
      ['pod-1', true],
      ['pod-2', true],
    ]);
  });

  test('when two processes write to one file, and the records of one stand between those of the other', async () => {
    const [first, second] = [files.open('a.log'), files.open('a.log', { replica: 'pod-2' })];
    for (let i = 0; i < 20; i++) {
      const audit = i % 3 === 0 ? second : first;
      await audit.trail(`r${i}`, {}).received();
    }
    await first.close();
    await second.close();

    expect(await signedProblemsOf('a.log')).toEqual([]);
  });

  test('when checkpoints go to the same sink as the records', async () => {
    const sink = { kind: 'file', path: files.path('a.log') } as const;
    await files.write('a.log', 2500, { sinks: [sink], checkpointSink: sink });
    const verdict = await check(['a.log'], { key: await files.publicKey() });

    expect(verdict).toMatchObject({ problems: [], records: 2500, checkpoints: 3 });
  });

  test('when it crashed between a record and its checkpoint, or within a record', async () => {
    await files.write('a.log', 5);
    await rm(files.path('checkpoints.log'));
    expect(await signedProblemsOfMissing()).toEqual([]);
    const [line = ''] = await files.lines('a.log');
    for (const length of [1, 20, 100, line.length - 80]) {
      await files.append('a.log', line.slice(0, length));
      await files.write('a.log', 1);
    }

    expect(await check(['a.log'])).toMatchObject({ problems: [], torn: 4, records: 9 });
  });

  async function signedProblemsOfMissing(): Promise<readonly string[]> {
    await files.append('checkpoints.log', '');
    return signedProblemsOf('a.log');
  }

  test('when the oldest files are gone, if that is said', async () => {
    const audit = files.open('a.log');
    for (let i = 0; i < 10; i++) audit.trail('old', {}).end();
    await audit.flush();
    await rename(files.path('a.log'), files.path('a.log.1'));
    await audit.reopen();
    for (let i = 0; i < 10; i++) audit.trail('new', {}).end();
    await audit.close();
    const key = await files.publicKey();

    const [problem] = await problemsOf(['a.log', 'checkpoints.log'], { key });
    expect(problem).toMatch(/line 1 \(seq 10, .*seq 0 to 9 are missing before it/);
    expect(await problemsOf(['a.log', 'checkpoints.log'], { key, isOldestMissing: true })).toEqual([]);
  });
});

describe('without a key,', () => {
  test('a changed byte of any record is found, at its line', async () => {
    await files.write('a.log', 2);
    const bytes = await readFile(files.path('a.log'));
    const second = bytes.indexOf('\n') + 1;
    for (const at of [30, second - 4, second - 1, second, second + 40, bytes.length - 2]) {
      const changed = Buffer.from(bytes);
      changed[at] = (bytes[at] as number) ^ 1;
      await writeFile(files.path('a.log'), changed);

      expect((await problemsOf(['a.log']))[0]).toContain(`a.log line ${at < second ? 1 : 2}`);
    }
  });

  test.each([
    [
      'a deleted line',
      (l: string[]) => l.toSpliced(4, 1),
      'a.log line 5 (seq 5, request "a.log-5"): seq 4 is missing before it',
    ],
    [
      'deleted lines',
      (l: string[]) => l.toSpliced(4, 2),
      'a.log line 5 (seq 6, request "a.log-6"): seq 4 to 5 are missing before it',
    ],
    [
      'a deleted first line',
      (l: string[]) => l.slice(1),
      'a.log line 1 (seq 1, request "a.log-1"): is the first of its chain in these files: seq 0 is missing before it',
    ],
    [
      'a repeated line',
      (l: string[]) => l.toSpliced(4, 0, l[2] as string),
      'a.log line 5 (seq 2, request "a.log-2"): is repeated or out of order: its chain had come to seq 3',
    ],
    [
      'lines in another order',
      (l: string[]) => swap(l, 4, 5),
      'a.log line 5 (seq 5, request "a.log-5"): seq 4 is missing before it',
    ],
    [
      'a line of something else',
      (l: string[]) => l.toSpliced(4, 0, '{"seq":4}'),
      'a.log line 5: is no record of this audit',
    ],
    ['an empty line', (l: string[]) => l.toSpliced(4, 0, ''), 'a.log line 5: is no record of this audit'],
    [
      'a huge line',
      (l: string[]) => l.toSpliced(4, 0, '['.repeat(300_000)),
      'a.log line 5: is no record of this audit',
    ],
    [
      'another spelling of a record',
      (l: string[]) => l.with(4, (l[4] as string).replace('{', '{ ')),
      'a.log line 5 (seq 4, request "a.log-4"): does not match its hash: it was altered',
    ],
    [
      'a member twice',
      (l: string[]) => l.with(4, (l[4] as string).replace('{', '{"schema":1,')),
      'a.log line 5 (seq 4, request "a.log-4"): does not match its hash: it was altered',
    ],
  ])('%s is found', async (_, change, problem) => {
    await files.write('a.log', 10);
    await files.change('a.log', change);

    expect((await problemsOf(['a.log']))[0]).toBe(files.path(problem));
  });

  test('a record that is altered and hashed again does not fit the next one', async () => {
    await files.write('a.log', 10);
    await files.change('a.log', (lines) => lines.with(4, rehashed(lines, 4)[4] as string));

    expect(await problemsOf(['a.log'])).toEqual([
      files.path('a.log line 6 (seq 5, request "a.log-5"): does not follow the record before it, seq 4'),
    ]);
  });

  test('a record of another chain in place of one is found', async () => {
    await files.write('a.log', 10);
    await files.write('b.log', 10);
    const [, , , , foreign = ''] = await files.lines('b.log');
    await files.change('a.log', (lines) => lines.with(4, foreign));

    expect((await problemsOf(['a.log']))[0]).toMatch(/line 5 \(seq 4, .*is the first of its chain/);
  });

  test('the end of a process that was cut off before the next one is found, and a missing file', async () => {
    await files.write('a.log', 10);
    await files.write('a.log', 10);
    await files.change('a.log', (lines) => lines.toSpliced(8, 2));
    expect(await problemsOf(['a.log'])).toEqual([
      expect.stringMatching(/line 9 \(seq 0, .*follows a record that is not in these files$/),
    ]);

    await files.change('a.log', (lines) => lines.slice(8));
    expect(await problemsOf(['a.log'])).toHaveLength(1);
  });

  test('a copy of a file is found, and a file without a record is no audit', async () => {
    await files.write('a.log', 3);
    await copyFile(files.path('a.log'), files.path('copy.log'));
    expect(await problemsOf(['a.log', 'copy.log'])).toHaveLength(3);

    await writeFile(files.path('a.log'), '');
    expect(await problemsOf(['a.log'])).toEqual(['there is no record in these files']);
  });
});

describe('with the checkpoints,', () => {
  test.each([0, 1, 500, 1000, 1001, 1999])('a tail cut off after %i records is found', async (kept) => {
    await files.write('a.log', 2000);
    await files.change('a.log', (lines) => lines.slice(0, kept));

    expect(await signedProblemsOf('a.log')).toContainEqual(
      expect.stringMatching(kept === 0 ? /counts 2000 records, and none/ : /cut off its end; a checkpoint/),
    );
  });

  test('half a record cut off is found', async () => {
    await files.write('a.log', 10);
    const { length } = await readFile(files.path('a.log'));
    await truncate(files.path('a.log'), length - 100);

    expect(await signedProblemsOf('a.log')).toEqual([expect.stringMatching(/seq 9 is cut off its end/)]);
  });

  test('another whole chain in place of the file is found', async () => {
    await files.write('a.log', 10);
    await files.write('b.log', 10, { signingKey: undefined, checkpointSink: undefined });
    await rename(files.path('b.log'), files.path('a.log'));

    expect(await signedProblemsOf('a.log')).toEqual([
      expect.stringMatching(/counts 10 records, and none is in these files/),
    ]);
  });

  test('a chain that somebody without the key wrote again from the middle is found', async () => {
    await files.write('a.log', 10);
    const genuine = await files.lines('checkpoints.log');
    await files.change('a.log', (lines) => rehashed(lines, 6));

    expect(await problemsOf(['a.log'])).toEqual([]);
    expect(await signedProblemsOf('a.log')).toEqual([
      expect.stringMatching(
        /line 10 \(seq 9, .*is not what was signed at .*: some record from seq 0 to it was rewritten/,
      ),
    ]);
    expect(genuine).toHaveLength(1);
  });

  test('a foreign key and an altered checkpoint are found', async () => {
    await files.write('a.log', 10);
    const foreign = await files.publicKey(generateKeyPairSync('ed25519').publicKey);
    expect(await problemsOf(['a.log', 'checkpoints.log'], { key: foreign })).toEqual([
      expect.stringMatching(
        /checkpoints.log line 1: the checkpoint is not signed by this key, or was altered$/,
      ),
    ]);

    await files.change('checkpoints.log', ([line = '']) => [line.replace('\\n10\\n', '\\n9\\n')]);
    expect(await signedProblemsOf('a.log')).toEqual([
      expect.stringMatching(/not signed by this key, or was altered/),
    ]);
  });

  test('records that nobody signs any more are found', async () => {
    await files.write('a.log', 2500);
    await files.change('checkpoints.log', (lines) => lines.slice(0, 1));

    expect(await signedProblemsOf('a.log')).toEqual([
      expect.stringMatching(/its last 1500 records are not signed, since /),
    ]);
  });
});

/** What someone who knows the format and has no key can do: change a record and hash all after it again. */
function rehashed(lines: readonly string[], at: number): string[] {
  return lines.reduce<string[]>((before, line, index) => {
    if (index < at) return [...before, line];
    const record = JSON.parse(line) as Record<string, unknown>;
    const { hash: _hash, ...rest }: Record<string, unknown> = {
      ...record,
      decision: 'deny',
      prev: hashAt(before.at(-1)),
    };
    const hash = sha256(canonicalJson(rest));
    const members = Object.entries({ ...rest, hash }).map(
      ([name, value]) => `"${name}":${canonicalJson(value)}`,
    );
    return [...before, escapeUnsafe(`{${members.join(',')}}`)];
  }, []);
}

const hashAt = (line = '') => (JSON.parse(line) as { hash: string }).hash;
