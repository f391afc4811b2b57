import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';

const isWindows = process.platform === 'win32'; // it has no process groups to look into

test('the demo shows live progress, three refusals and their audit, and leaves nothing running', async () => {
  const demo = spawn(process.execPath, ['--import', 'tsx', 'scripts/demo.ts'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: !isWindows,
  });
  const chunks: Buffer[] = [];
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(demo, 'close');
  const output = Buffer.concat(chunks).toString();

  expect({ code, output }).toEqual({ code: 0, output: expect.anything() });
  if (!isWindows) await groupEnd(Number(demo.pid));

  const [, work = '', levels = '', refusals = '', audit = ''] = output.split(/^== .*$/m);
  const total = Number(/Processing document 1\/(\d+)/.exec(work)?.[1]);
  expect(total).toBeGreaterThanOrEqual(12);
  for (let done = 1; done <= total; done++) {
    expect(work).toContain(`info      Processing document ${done}/${total} path=`);
    expect(work).toContain(`progress ${done}/${total} `);
  }
  expect(work.indexOf('Processing complete!')).toBeLessThan(work.indexOf('sha256'));
  expect(levels.match(/A message at level/g)).toHaveLength(8);

  const refused = [...refusals.matchAll(/^ {2}(\d{3}) (\{.*\})$/gm)].map(([, status, body = '']) => {
    const { code, requestId } = (JSON.parse(body) as { error: { data: Refusal } }).error.data;
    return { status: Number(status), code, requestId };
  });
  expect(refused.map(({ status, code }) => [status, code])).toEqual([
    [401, 'credentials_missing'],
    [403, 'origin_not_allowed'],
    [403, 'insufficient_scope'],
  ]);
  const records = audit
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const { status, code, requestId } of refused) {
    const own = records.filter((record) => record['requestId'] === requestId);
    expect(own).toMatchObject([{ decision: 'deny', reason: code, 'http.status': status }]);
  }
  const called = records
    .filter(({ stage }) => stage === 'received')
    .map((record) => record['gen_ai.tool.name']);
  expect(called).toEqual(['process_files', 'log_levels']);
}, 60_000);

/** Nothing tells when the last process of a group is gone: what stays fails the test by its time limit. */
async function groupEnd(leader: number): Promise<void> {
  for (;;) {
    try {
      process.kill(-leader, 0);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ESRCH' });
      return;
    }
    await sleep(20);
  }
}

interface Refusal {
  readonly code: string;
  readonly requestId: string;
}
