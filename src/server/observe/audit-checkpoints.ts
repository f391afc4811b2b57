/**
 * Signs how far a chain has come, after every 1,000 records or 10 s. A chain alone cannot show that its newest records were
 * cut off; a checkpoint that has left the host can.
 *
 * - A checkpoint counts only records that a sink has: after a crash, none names a record that was never written.
 * - It delays no record. A sink of checkpoints that fails is reported and tried again, like any other.
 */
import type { KeyObject } from 'node:crypto';
import type { LineWriter } from './line-writer.js';
import { MerkleTree } from './merkle-tree.js';
import { checkpointText, signNote } from './signed-note.js';

export const MAX_UNSIGNED_RECORDS = 1000;
export const MAX_UNSIGNED_MS = 10_000;

export interface AuditCheckpointsOptions {
  readonly key: KeyObject;
  readonly replica: string;
  readonly chain: string;
  readonly writer: LineWriter;
}

/** The name of a chain as a log and of its key. A host's name may have characters that the name of a key must not. */
export const originOf = (replica: string, chain: string) => `${encodeURIComponent(replica)}/audit/${chain}`;

interface State {
  readonly size: number;
  /** The hash of the last record. */
  readonly head: string;
  readonly root: Buffer;
}

export class AuditCheckpoints {
  readonly #tree = new MerkleTree();
  readonly #waiting: State[] = [];
  #size = 0;
  #head = '';
  #taken = 0;
  #written = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: AuditCheckpointsOptions) {}

  get writer(): LineWriter {
    return this.options.writer;
  }

  /** The chain has a further record. Returns what to call when a sink has it, instead of `written`. */
  append(hash: string, written?: () => void): () => void {
    this.#tree.append(Buffer.from(hash, 'hex'));
    this.#size += 1;
    this.#head = hash;
    if (this.#size - this.#taken === MAX_UNSIGNED_RECORDS) this.take();
    else this.#timer ??= setTimeout(() => this.take(), MAX_UNSIGNED_MS).unref();
    const size = this.#size;
    return () => {
      this.#written = Math.max(this.#written, size);
      this.#sign();
      written?.();
    };
  }

  /** Signs the chain as it is now, once its records are written. */
  take(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#taken === this.#size) return;
    this.#taken = this.#size;
    this.#waiting.push({ size: this.#size, head: this.#head, root: this.#tree.root() });
    this.#sign();
  }

  #sign(): void {
    for (;;) {
      const [state] = this.#waiting;
      if (state === undefined || state.size > this.#written) return;
      this.#waiting.shift();
      const text = this.#line(state);
      this.writer.push({ text, bytes: Buffer.byteLength(text) });
    }
  }

  #line({ size, head, root }: State): string {
    const { key, replica, chain } = this.options;
    const origin = originOf(replica, chain);
    const time = new Date().toISOString();
    // The root needs every record from the first; the head can be checked when the oldest files are gone.
    const text = checkpointText({ origin, size, root, extensions: [`head ${head}`, `time ${time}`] });
    return `${JSON.stringify({ schema: 1, time, replica, chain, checkpoint: signNote(text, origin, key) })}\n`;
  }
}
