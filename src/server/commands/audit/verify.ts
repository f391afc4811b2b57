/** `npm run audit -- verify`: whether the records of these files are complete and as they were written. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Chains } from './chains.js';
import { readSigned, type SignedState } from './checkpoints.js';
import { type Line, linesOf } from './lines.js';
import { isGenuine, isRecord, isTorn, readObject } from './record.js';

/** More of them say nothing more, and must not fill the memory. */
const MAX_PROBLEMS = 1000;
const CHECKPOINT = '"checkpoint":';

export interface VerifyOptions {
  /** PEM file of the public key, or of the private one. */
  readonly keyFile?: string | undefined;
  readonly isOldestMissing: boolean;
}

export interface Verdict {
  /** In the order in which they were found; empty when all is well. */
  readonly problems: readonly string[];
  readonly records: number;
  readonly checkpoints: number;
  readonly torn: number;
  readonly chains: Chains;
}

export async function verify(files: readonly string[], options: VerifyOptions): Promise<Verdict> {
  const key = options.keyFile === undefined ? undefined : createPublicKey(readFileSync(options.keyFile));
  // Checkpoints first: of a running server, the records that they count are then all there.
  const first = await survey(files, key);
  const problems = [...first.problems];
  const checkpoints = key && first.checkpoints;
  const chains = new Chains({ checkpoints, isOldestMissing: options.isOldestMissing });
  const counts = { records: 0, torn: 0 };
  for (const file of first.oldestFirst) {
    for await (const lines of linesOf(file)) {
      for (const line of lines) {
        const problem = check(line, chains, counts);
        if (problem === undefined || problems.length === MAX_PROBLEMS) continue;
        problems.push(`${file} line ${line.number}${problem}`);
      }
    }
  }
  if (counts.records === 0) problems.push('there is no record in these files');
  return { problems: [...problems, ...chains.atEnd()], ...counts, checkpoints: first.count, chains };
}

function check(line: Line, chains: Chains, counts: { records: number; torn: number }): string | undefined {
  const { bytes } = line;
  const value = readObject(bytes);
  if (value === undefined && isTorn(bytes)) return void (counts.torn += 1);
  if (value !== undefined && 'checkpoint' in value) return undefined;
  if (value === undefined || !isRecord(value)) return ': is no record of this audit';
  counts.records += 1;
  // An altered record has no place: where it says that it belongs may be what was altered.
  const problem = isGenuine(value, bytes) ? chains.add(value) : 'does not match its hash: it was altered';
  return (
    problem && ` (seq ${value.seq}, request ${JSON.stringify(value.requestId).slice(0, 80)}): ${problem}`
  );
}

interface Survey {
  readonly oldestFirst: readonly string[];
  readonly checkpoints: ReadonlyMap<string, SignedState[]>;
  readonly count: number;
  readonly problems: readonly string[];
}

async function survey(files: readonly string[], key: KeyObject | undefined): Promise<Survey> {
  const times = new Map<string, string>();
  const checkpoints = new Map<string, SignedState[]>();
  const problems: string[] = [];
  let count = 0;
  for (const file of files) {
    for await (const lines of linesOf(file)) {
      for (const { bytes, number } of lines) {
        const isWanted = !times.has(file) || bytes.includes(CHECKPOINT);
        const value = isWanted ? readObject(bytes) : undefined;
        if (value === undefined) continue;
        if (typeof value['time'] === 'string' && !times.has(file)) times.set(file, value['time']);
        if (!('checkpoint' in value)) continue;
        count += 1;
        const signed = key && readSigned(value, key);
        if (typeof signed === 'string') problems.push(`${file} line ${number}: the checkpoint ${signed}`);
        else if (signed) checkpoints.set(signed.chain, [...(checkpoints.get(signed.chain) ?? []), signed]);
      }
    }
  }
  for (const list of checkpoints.values()) list.sort((a, b) => a.size - b.size);
  const timeOf = (file: string) => times.get(file) ?? '';
  const oldestFirst = files.toSorted((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1));
  return { oldestFirst, checkpoints, count, problems };
}
