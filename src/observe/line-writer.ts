import type { Output } from './audit-sinks.js';
import { type Line, LineQueue } from './line-queue.js';

/** An output that takes nothing for so long is down, though it reports no error (a pipe whose reader stalls). */
const STALLED_MS = 1000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5000;

export interface LineWriterOptions {
  readonly open: () => Promise<Output>;
  /** `failing` and `dropping` come once, until `recovered`. */
  readonly report: (
    event: 'failing' | 'dropping' | 'recovered' | 'abandoned',
    fields: Readonly<Record<string, unknown>>,
  ) => void;
  readonly onDrop?: (() => void) | undefined;
  readonly onWrite?: ((seconds: number) => void) | undefined;
}

/** Writes lines in groups: one write for all that came in a turn of the event loop, or during the write before. */
export class LineWriter {
  readonly #queue = new LineQueue();
  #output: Output | undefined;
  #failing = false;
  #dropped = 0;
  #retryMs = FIRST_RETRY_MS;
  #writingSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #scheduled = false;
  #closed = false;
  /** Writes and reopenings one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(private readonly options: LineWriterOptions) {
    this.#schedule(); // opens at once: a wrong path shows at start-up, not with the first request
  }

  /** Queues a line; drops it when the queue is full. */
  push(line: Line): void {
    if (this.#closed || !this.#queue.push(line)) return this.#drop();
    this.#schedule();
  }

  /** Whether the output takes lines now. */
  healthy(): boolean {
    const stalled = this.#writingSince !== undefined && performance.now() - this.#writingSince > STALLED_MS;
    return !this.#closed && !this.#failing && !stalled;
  }

  /** Whether lines of new requests may be queued. */
  hasRoom(): boolean {
    return !this.#closed && this.#queue.hasRoom;
  }

  queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Closes the output and opens it again by its name (log rotation); a failure is reported and retried like any other. */
  reopen(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      await this.#closeOutput();
      await this.#writeGroup();
    });
    return this.#turn;
  }

  /** Settles when the queue is empty. */
  drained(): Promise<void> {
    return this.#queue.empty();
  }

  /** Gives up what is still queued; `drained` comes first. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#queue.length > 0) this.options.report('abandoned', { lost: this.#queue.length });
    await this.#closeOutput();
  }

  #drop(): void {
    this.options.onDrop?.();
    if (this.#dropped === 0) this.options.report('dropping', {});
    this.#dropped += 1;
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
    if (this.#failing) this.#timer = setTimeout(run, this.#retryMs).unref();
    else setImmediate(run);
  }

  async #writeGroup(): Promise<void> {
    if (this.#closed) return;
    const data = this.#queue.data();
    const started = performance.now();
    this.#writingSince = started;
    let taken = 0;
    try {
      this.#output ??= await this.options.open();
      while (taken < data.length) taken += await writeSome(this.#output, data.subarray(taken));
      this.#recovered();
      if (taken > 0) this.options.onWrite?.((performance.now() - started) / 1000);
    } catch (error) {
      await this.#failed(error);
    }
    this.#writingSince = undefined;
    this.#queue.written(taken);
    if (this.#closed) return this.#closeOutput(); // closed while it was being opened
    if (this.#queue.length > 0 || this.#failing) this.#schedule();
  }

  async #failed(error: unknown): Promise<void> {
    if (!this.#failing && !this.#closed) this.options.report('failing', { error });
    this.#retryMs = this.#failing ? Math.min(this.#retryMs * 2, MAX_RETRY_MS) : FIRST_RETRY_MS;
    this.#failing = true;
    await this.#closeOutput();
  }

  #recovered(): void {
    if (this.#failing || this.#dropped > 0) this.options.report('recovered', { dropped: this.#dropped });
    this.#failing = false;
    this.#dropped = 0;
  }

  async #closeOutput(): Promise<void> {
    const output = this.#output;
    this.#output = undefined;
    await output?.close().catch(() => {}); // whatever it could not take was reported by its write
  }
}

async function writeSome(output: Output, data: Buffer): Promise<number> {
  const bytes = await output.write(data);
  if (bytes === 0) throw new Error('audit output took nothing');
  return bytes;
}
