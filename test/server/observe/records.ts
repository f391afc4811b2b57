import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isOfRequest } from '../../helpers/of-request.js';

export interface ReadRecord {
  readonly seq: number;
  readonly stage: string;
  readonly requestId: string;
  readonly [name: string]: unknown;
}

/** Those of requests. */
export function recordsIn(text: string): ReadRecord[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line is torn');
  return lines.map((line) => JSON.parse(line) as ReadRecord).filter(isOfRequest);
}

export async function readRecords(path: string): Promise<ReadRecord[]> {
  return recordsIn(await readFile(path, 'utf8'));
}

/** Waits for what nobody announces, such as a retry. */
export async function until(holds: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('did not come true in time');
    await delay(20);
  }
}
