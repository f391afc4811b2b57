import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { type AuditLine, auditLine } from './audit-line.js';
import type { AuditFacts, AuditHead } from './audit-record.js';
import type { AuditSink } from './audit-sinks.js';

/** The `prev` of a first record that follows nothing. */
export const NOTHING_BEFORE = '0'.repeat(64);

/** Four times the longest line: the end of a file has a whole record in it, even behind a torn one. */
const TAIL_BYTES = 64 * 1024;

/**
 * The chain of one process: each record carries the hash of the one before it. It has an id of its own, so that two
 * processes can write to one file, and a restart cannot continue at the wrong place.
 */
export class AuditChain {
  readonly id = randomBytes(12).toString('base64url');
  #seq = 0;
  #head: string;

  /** @param sinks the first file among them may end in the records of an earlier process */
  constructor(sinks: readonly AuditSink[]) {
    const file = sinks.find((sink) => sink.kind === 'file');
    this.#head = (file && lastHash(file.path)) ?? NOTHING_BEFORE;
  }

  append(head: Omit<AuditHead, 'seq' | 'chain' | 'prev'>, facts: AuditFacts): AuditLine {
    const line = auditLine({ ...head, seq: this.#seq, chain: this.id, prev: this.#head }, facts);
    this.#seq += 1;
    this.#head = line.hash;
    return line;
  }
}

const HASH_AT_END = /,"hash":"([0-9a-f]{64})"\}$/;

/** The hash of the last whole record in a file. Nothing of a FIFO or a device is read. */
function lastHash(path: string): string | undefined {
  let fd: number | undefined;
  try {
    if (!statSync(path).isFile()) return undefined;
    fd = openSync(path, 'r');
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(fd, tail, 0, tail.length, size - tail.length);
    const hashes = tail
      .toString()
      .split('\n')
      .map((line) => HASH_AT_END.exec(line)?.[1]);
    return hashes.findLast((hash) => hash !== undefined);
  } catch {
    return undefined; // none yet; a file that cannot be written to either is reported by its writer
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
