/** What `npm run soak` judges by: each fault that it looks for is planted, and found. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isMissed } from '../../bench/report.js';
import { failedVisits, judgeAnswers } from '../../bench/soak/answers.js';
import { matchAudit, RAW } from '../../bench/soak/audit-match.js';
import { flatness } from '../../bench/soak/flat.js';
import type { Sent } from '../../bench/soak/ledger.js';

const answered = (id: string, more: Partial<Sent> = {}): Sent => ({
  id,
  what: 'tools/call',
  sentAt: 10_000,
  answeredAt: 10_010,
  status: 200,
  requestId: `of ${id}`,
  hasResult: true,
  ...more,
});

const outage = (more = {}) => ({ what: 'Redis', isOutage: true, from: 9000, to: 11_000, ...more });

test.each([
  ['500', { status: 500 }],
  ['503 without Retry-After', { status: 503 }],
  ['an answer without X-Request-Id', { requestId: undefined }],
])('%s is wrong, whatever is broken', (_what, more) => {
  expect(judgeAnswers([answered('a', more)], [outage()]).wrong).toHaveLength(1);
});

test.each([
  ['an outage explains', [outage()], 0],
  ['an outage that was over for long does not explain', [outage({ to: 9000 - 1 })], 1],
  ['an outage that began later does not explain', [outage({ from: 10_011 })], 1],
  ['a fault that is no outage does not explain', [outage({ isOutage: false })], 1],
])('%s a 503', (_what, faults, unexplained) => {
  const judged = judgeAnswers([answered('a', { status: 503, retryAfter: '5' })], faults);

  expect([judged.wrong.length, judged.unexplained.length]).toEqual([0, unexplained]);
});

test.each([
  ['that lost its stream in an outage', 'lost', [outage()], 0],
  ['that lost its stream without one', 'lost', [], 1],
  ['that was answered wrongly in an outage', 'failed', [outage()], 1],
  ['that was put off', 'put off', [], 0],
  ['that was cut', 'cut', [], 0],
] as const)('a visit %s is judged so', (_what, outcome, faults, failed) => {
  const visit = { kind: 'any', from: 10_000, to: 10_010, outcome };

  expect(failedVisits([visit], faults)).toHaveLength(failed);
});

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'soak-test-'))));
afterEach(() => rm(folder, { recursive: true }));

const completed = (id: string, more: object = {}) => ({
  stage: 'completed',
  requestId: `of ${id}`,
  clientRequestId: id,
  'client.address': '127.0.0.1',
  'http.status': 200,
  ...more,
});
const received = (id: string) => ({ stage: 'received', requestId: `of ${id}`, clientRequestId: id });

async function matched(sent: readonly Sent[], lines: readonly object[]) {
  const file = join(folder, 'audit.log');
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return matchAudit(sent, [file]);
}

test('an audit that has all, and what the clients who went away had asked for, matches', async () => {
  const sent = [answered('a'), { id: 'gone', what: 'ping', sentAt: 0 }, { id: 'half', what: RAW, sentAt: 0 }];
  const endOfTask = { stage: 'completed', requestId: 'of a' };
  const nameless = { ...completed('x'), clientRequestId: undefined, reason: 'malformed_request' };
  const records = [received('a'), completed('a'), endOfTask, completed('gone'), nameless];

  expect(await matched(sent, records)).toEqual({
    decisions: 3,
    answers: 1,
    results: 1,
    unseen: 2,
    problems: [],
  });
});

test.each([
  ['an answer without a decision', [received('a')]],
  ['an answer with two decisions', [received('a'), completed('a'), completed('a')]],
  ['a decision of another status', [received('a'), completed('a', { 'http.status': 403 })]],
  ['the result of a tool without its record', [completed('a')]],
  ['a decision on what nobody sent', [received('a'), completed('a'), completed('b')]],
  [
    'a second decision under another id',
    [received('a'), completed('a'), completed('a', { requestId: 'other' })],
  ],
  [
    'a refusal without the name of a client, when no bytes were sent that could have none',
    [
      received('a'),
      completed('a'),
      completed('x', { clientRequestId: undefined, reason: 'malformed_request' }),
    ],
  ],
])('%s does not match', async (_what, lines) => {
  expect((await matched([answered('a')], lines)).problems).toHaveLength(1);
});

/** Every five seconds for five minutes. */
const samples = (heapMiB: (second: number) => number) =>
  Array.from({ length: 60 }, (_, i) => ({
    second: (i + 1) * 5,
    heapMiB: heapMiB((i + 1) * 5),
    rssMiB: 100,
    descriptors: 30,
    timers: 30,
    sessions: 0,
    streams: 0,
    cpuSeconds: 0,
  }));

test.each([
  ['grows all the time', (second: number) => 30 + second / 20, 1],
  ['grows in the first minute only', (second: number) => 30 + Math.min(second, 60), 0],
  ['wavers', (second: number) => 30 + (second % 20), 0],
])('a heap that %s is judged so', (_what, heapMiB, missed) => {
  expect(flatness('a', samples(heapMiB)).filter(isMissed)).toHaveLength(missed);
});
