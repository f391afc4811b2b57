import { type AuditSink, openOutput, type Output } from './audit-sinks.js';
import type { Metrics } from './metrics.js';

/** A full queue drops lines, so that memory stays bounded however long an output is down. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
/** New requests stop here; the rest of the queue is reserved for requests in progress. */
const ROOM_BYTES = MAX_QUEUED_BYTES * 0.75;
/** The records of requests that are refused meanwhile stop here. */
const REFUSED_BYTES = MAX_QUEUED_BYTES * 0.875;
/** Added to the queue for each request that may end in the same moment: one record is seldom longer. */
const LAST_RECORD_BYTES = 1024;
/** An output that accepts nothing for this long counts as down, even without an error (a pipe whose reader stalls). */
const STALLED_MS = 1000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5000;

export interface Line {
  readonly text: string;
  readonly bytes: number;
  /** Called once the operating system has the line. */
  readonly written?: (() => void) | undefined;
}

export interface LineWriterOptions {
  /** For the operational log: a sink fails, drops records, or has recovered. */
  readonly onProblem?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly metrics?: Pick<Metrics, 'auditDropped' | 'auditWritten'>;
  /** Most requests in progress: a shutdown, or a proxy that dies, ends all their streams at once. Default 0. */
  readonly inProgress?: number;
}

/** Writes lines in groups: all that arrived in a turn of the event loop, or during the last write. */
export class LineWriter {
  /** Lines that are not written yet, oldest first. */
  readonly #lines: Line[] = [];
  readonly #onEmpty: (() => void)[] = [];
  #queuedBytes = 0;
  #output: Output | undefined;
  /** 0 while the output works. */
  #retryMs = 0;
  #dropped = 0;
  #writingSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #scheduled = false;
  #closed = false;
  /** Serializes writes and reopenings. */
  #turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly sink: AuditSink,
    private readonly options: LineWriterOptions,
  ) {
    this.#schedule(); // opens at once: a wrong path shows at start-up, not with the first request
  }

  /** Queues a line; drops it when the queue is full. The reserve is for requests that are served. */
  push(line: Line, isServed = true): void {
    const { inProgress = 0 } = this.options;
    const mostBytes = isServed ? MAX_QUEUED_BYTES + inProgress * LAST_RECORD_BYTES : REFUSED_BYTES;
    if (this.#closed || this.#queuedBytes + line.bytes > mostBytes) {
      this.options.metrics?.auditDropped();
      if (this.#dropped === 0) this.#report('dropping'); // once, until it has recovered
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#queuedBytes += line.bytes;
    this.#schedule();
  }

  /** Whether the output works now. */
  healthy(): boolean {
    const stalled = this.#writingSince !== undefined && performance.now() - this.#writingSince > STALLED_MS;
    return !this.#closed && this.#retryMs === 0 && !stalled;
  }

  /** Whether the queue has room for new requests. */
  hasRoom(): boolean {
    return !this.#closed && this.#queuedBytes < ROOM_BYTES;
  }

  queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Closes the output and opens it by name (log rotation). A failure is reported and retried like any other. */
  reopen(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      await this.#closeOutput();
      await this.#writeGroup();
    });
    return this.#turn;
  }

  /** Settles when the queue is empty. */
  async drained(): Promise<void> {
    if (this.#lines.length > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Drops what is still queued: call `drained` first. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#lines.length > 0) this.#report('abandoned', { lost: this.#lines.length });
    await this.#closeOutput();
  }

  #schedule(): void {
    if (this.#closed || this.#scheduled) return;
    this.#scheduled = true;
    const run = (): void => {
      this.#turn = this.#turn.then(() => {
        this.#scheduled = false;
        return this.#writeGroup();
      });
    };
    if (this.#retryMs > 0) this.#timer = setTimeout(run, this.#retryMs).unref();
    else setImmediate(run);
  }

  async #writeGroup(): Promise<void> {
    if (this.#closed) return;
    const data = Buffer.from(this.#lines.map(({ text }) => text).join(''));
    const started = performance.now();
    this.#writingSince = started;
    let taken = 0;
    try {
      const output = (this.#output ??= await openOutput(this.sink));
      while (taken < data.length) {
        const bytes = await output.write(data.subarray(taken));
        if (bytes === 0) throw new Error('audit output took nothing');
        taken += bytes;
      }
      if (this.#retryMs > 0 || this.#dropped > 0) this.#report('recovered', { dropped: this.#dropped });
      this.#retryMs = this.#dropped = 0;
      if (taken > 0) this.options.metrics?.auditWritten((performance.now() - started) / 1000);
    } catch (error) {
      if (this.#retryMs === 0 && !this.#closed) this.#report('failing', { error });
      this.#retryMs = Math.min(this.#retryMs * 2 || FIRST_RETRY_MS, MAX_RETRY_MS);
      await this.#closeOutput();
    }
    this.#writingSince = undefined;
    this.#take(taken);
    if (this.#closed) return this.#closeOutput(); // closed while it was being opened
    if (this.#lines.length > 0 || this.#retryMs > 0) this.#schedule();
  }

  /** Removes the lines that lie wholly within the first `bytes`. A partly written line is sent again in full. */
  #take(bytes: number): void {
    let count = 0;
    for (const line of this.#lines) {
      bytes -= line.bytes;
      if (bytes < 0) break;
      count += 1;
      this.#queuedBytes -= line.bytes;
      line.written?.();
    }
    this.#lines.splice(0, count);
    if (this.#lines.length === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  async #closeOutput(): Promise<void> {
    const output = this.#output;
    this.#output = undefined;
    await output?.close().catch(() => {}); // its write reported any error
  }

  #report(event: 'failing' | 'dropping' | 'recovered' | 'abandoned', fields: object = {}): void {
    const sink = this.sink.kind === 'file' ? this.sink.path : this.sink.kind;
    this.options.onProblem?.(`audit sink ${event}`, { sink, ...fields });
  }
}
