import { readFile } from 'node:fs/promises';
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
