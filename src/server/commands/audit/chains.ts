/**
 * Follows the chains through all files, oldest file first.
 *
 * - A record must have its hash, and follow the last one of its chain.
 * - The first of a process must follow a record that was there before, or say that nothing was.
 * - What a checkpoint counts must be there, with the same head and root.
 */
import type { AuditRecord } from '../../observe/audit-record.js';
import { NOTHING_BEFORE } from '../../observe/audit-chain.js';
import { MAX_UNSIGNED_MS, MAX_UNSIGNED_RECORDS } from '../../observe/audit-checkpoints.js';
import { MerkleTree } from '../../observe/merkle-tree.js';
import type { SignedState } from './checkpoints.js';

/** How many of the last records a restart may follow: other processes can write to the same file meanwhile. */
const MAX_RECENT = 100_000;
/** A busy process signs a little later. */
const LATE_MS = 60_000;

export interface Chain {
  readonly id: string;
  readonly replica: string;
  readonly first: number;
  /** The `seq` of the next record. */
  next: number;
  head: string;
  lastTime: string;
  /** Absent when the first records are not in the files. */
  readonly tree: MerkleTree | undefined;
  /** Oldest first; a checkpoint leaves the list when its record comes. */
  readonly waiting: SignedState[];
  /** The last one that was right. */
  signed: SignedState | undefined;
  /** Of the first record that no checkpoint counts. */
  unsignedSince: string | undefined;
}

export interface ChainsOptions {
  /** By chain, oldest first; absent without a key. */
  readonly checkpoints?: ReadonlyMap<string, readonly SignedState[]> | undefined;
  /** The oldest records of a replica may be missing: files are deleted after a time. */
  readonly isOldestMissing: boolean;
}

export class Chains {
  readonly #chains = new Map<string, Chain>();
  readonly #replicas = new Set<string>();
  /** A ring. It is seldom searched: a set of so many hashes would take a fifth of the time. */
  readonly #recent: string[] = [];
  #seen = 0;
  #firstTime: string | undefined;

  constructor(private readonly options: ChainsOptions) {}

  [Symbol.iterator]() {
    return this.#chains.values();
  }

  /** @param record that matches its hash @returns what is wrong with its place */
  add(record: AuditRecord): string | undefined {
    const known = this.#chains.get(record.chain);
    const problem = known ? outOfPlace(known, record) : this.#beginning(record);
    if (known && record.seq < known.next) return problem; // a record that is there already changes nothing
    const chain = known ?? this.#begin(record);
    chain.next = record.seq + 1;
    chain.head = record.hash;
    chain.lastTime = record.time;
    chain.unsignedSince ??= record.time;
    chain.tree?.append(Buffer.from(record.hash, 'hex'));
    this.#recent[this.#seen % MAX_RECENT] = record.hash;
    this.#seen += 1;
    return problem ?? unlikeSigned(chain);
  }

  #begin({ chain: id, replica, seq, hash, time }: AuditRecord): Chain {
    this.#replicas.add(replica);
    this.#firstTime ??= time;
    const chain: Chain = {
      id,
      replica,
      first: seq,
      next: seq,
      head: hash,
      lastTime: time,
      tree: this.options.checkpoints && seq === 0 ? new MerkleTree() : undefined,
      waiting: (this.options.checkpoints?.get(id) ?? []).filter(({ size }) => size > seq),
      signed: undefined,
      unsignedSince: undefined,
    };
    this.#chains.set(id, chain);
    return chain;
  }

  #beginning({ seq, prev, replica }: AuditRecord): string | undefined {
    if (seq === 0 && (prev === NOTHING_BEFORE || this.#recent.includes(prev))) return undefined;
    if (this.options.isOldestMissing && !this.#replicas.has(replica)) return undefined;
    return seq === 0
      ? 'follows a record that is not in these files'
      : `is the first of its chain in these files: ${counted(0, seq - 1)} missing before it`;
  }

  /** What only the end shows: records that were signed and are not there, or are there and were not signed. */
  atEnd(): readonly string[] {
    const { checkpoints, isOldestMissing } = this.options;
    if (!checkpoints) return [];
    const absent = [...checkpoints].flatMap(([id, signed]) => {
      const last = signed.at(-1);
      if (this.#chains.has(id) || last === undefined) return [];
      if (isOldestMissing && last.time < (this.#firstTime ?? '')) return [];
      return `${last.origin}: a checkpoint of ${last.time} counts ${last.size} records, and none is in these files`;
    });
    return [...absent, ...[...this.#chains.values()].flatMap(endOf)];
  }
}

function outOfPlace(chain: Chain, { seq, prev }: AuditRecord): string | undefined {
  if (seq < chain.next) return `is repeated or out of order: its chain had come to seq ${chain.next - 1}`;
  if (seq > chain.next) return `${counted(chain.next, seq - 1)} missing before it`;
  return prev === chain.head ? undefined : `does not follow the record before it, seq ${seq - 1}`;
}

function unlikeSigned(chain: Chain): string | undefined {
  const [checkpoint] = chain.waiting;
  if (checkpoint === undefined || checkpoint.size > chain.next) return undefined;
  const since = chain.signed?.size ?? chain.first;
  chain.waiting.shift();
  const isSame =
    checkpoint.size === chain.next &&
    checkpoint.head === chain.head &&
    (chain.tree === undefined || chain.tree.root().equals(checkpoint.root));
  if (!isSame)
    return `is not what was signed at ${checkpoint.time}: some record from seq ${since} to it was rewritten`;
  chain.signed = checkpoint;
  chain.unsignedSince = undefined;
  return unlikeSigned(chain);
}

function endOf({
  replica,
  id,
  next,
  waiting,
  signed,
  unsignedSince,
  lastTime,
  first,
}: Chain): readonly string[] {
  const last = waiting.at(-1);
  const name = `${replica}, chain ${id}`;
  if (last !== undefined) {
    return [
      `${name}: ${counted(next, last.size - 1)} cut off its end; a checkpoint of ${last.time} counts them`,
    ];
  }
  const unsigned = next - Math.max(signed?.size ?? 0, first);
  const unsignedMs = unsignedSince === undefined ? 0 : Date.parse(lastTime) - Date.parse(unsignedSince);
  const isLate = unsigned > MAX_UNSIGNED_RECORDS || unsignedMs > MAX_UNSIGNED_MS + LATE_MS;
  return isLate ? [`${name}: its last ${unsigned} records are not signed, since ${unsignedSince}`] : [];
}

const counted = (from: number, to: number) => (from === to ? `seq ${from} is` : `seq ${from} to ${to} are`);
