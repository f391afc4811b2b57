/** Beyond it lines are dropped: memory stays bounded however long an output is away. */
const MAX_BYTES = 8 * 1024 * 1024;
/** What lies above it is kept for the requests already being served. */
const ROOM_BYTES = MAX_BYTES * 0.75;

export interface Line {
  readonly text: string;
  readonly bytes: number;
  /** Called once the line is with the operating system. */
  readonly written?: (() => void) | undefined;
}

/** The lines that an output has not taken yet, oldest first. */
export class LineQueue {
  readonly #lines: Line[] = [];
  readonly #onEmpty: (() => void)[] = [];
  #bytes = 0;

  get length(): number {
    return this.#lines.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether lines of new requests may be added. */
  get hasRoom(): boolean {
    return this.#bytes < ROOM_BYTES;
  }

  /** `false` when the queue is full. */
  push(line: Line): boolean {
    if (this.#bytes + line.bytes > MAX_BYTES) return false;
    this.#lines.push(line);
    this.#bytes += line.bytes;
    return true;
  }

  /** All lines as one write. */
  data(): Buffer {
    return Buffer.from(this.#lines.map(({ text }) => text).join(''));
  }

  /** Takes away the lines that lie wholly within the first `bytes`: the rest of a torn one must come again in full. */
  written(bytes: number): void {
    let count = 0;
    for (const line of this.#lines) {
      bytes -= line.bytes;
      if (bytes < 0) break;
      count += 1;
      this.#bytes -= line.bytes;
      line.written?.();
    }
    this.#lines.splice(0, count);
    if (this.#lines.length === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Settles when no line is left. */
  empty(): Promise<void> {
    if (this.#lines.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }
}
