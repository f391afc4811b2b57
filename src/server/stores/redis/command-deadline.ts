/** How long Redis may keep us waiting: with one command, and with all commands of one request together. */
import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Time is counted in steps, between which this process reads what has come: where it is the slow one, Redis is not to
 * blame. The first step of a command counts for nothing, so that quick answers never add up.
 */
const STEP_MS = 10;
const COMMAND_MS = 200;
const REQUEST_MS = 300;
/** A stream lives on: when it did not wait for so long, it has its patience back. */
const FORGIVES_AFTER_MS = 1000;

/** A command had no answer in time. */
export class DeadlineExceeded extends Error {}

interface Waiter {
  waitedMs: number;
  readonly giveUp: (error: Error) => void;
}

export class Patience {
  readonly #waiters = new Set<Waiter>();
  #usedMs = 0;
  #usedAt = 0;
  #isCounting = false;

  /** Milliseconds in which anybody waited: commands sent together are waited for together. */
  get usedMs(): number {
    return this.#usedMs;
  }

  /** @throws {DeadlineExceeded}; another error when the request, not this command, had to wait for too long */
  async wait<T>(work: Promise<T>): Promise<T> {
    let waiter: Waiter | undefined;
    const end = new Promise<never>((_, reject) => {
      waiter = { waitedMs: 0, giveUp: reject };
      this.#waiters.add(waiter);
    });
    if (!this.#isCounting) this.#count();
    try {
      return await Promise.race([work, end]);
    } finally {
      if (waiter) this.#waiters.delete(waiter);
    }
  }

  #count(): void {
    this.#isCounting = true;
    setTimeout(() => setImmediate(() => this.#step()), STEP_MS);
  }

  #step(): void {
    this.#isCounting = false;
    if (this.#waiters.size === 0) return;
    const now = performance.now();
    if (now - this.#usedAt > FORGIVES_AFTER_MS) this.#usedMs = 0;
    if ([...this.#waiters].some(({ waitedMs }) => waitedMs > 0)) {
      this.#usedMs += STEP_MS;
      this.#usedAt = now;
    }
    for (const waiter of this.#waiters) {
      waiter.waitedMs += STEP_MS;
      if (waiter.waitedMs >= COMMAND_MS) waiter.giveUp(new DeadlineExceeded('no answer in time'));
      else if (this.#usedMs >= REQUEST_MS) waiter.giveUp(new Error('too slow for what one request needs'));
    }
    this.#count();
  }
}

const ofRequest = new AsyncLocalStorage<Patience>();

/** Runs what serves one request: all commands that it leads to share one patience. */
export function withOnePatience(serve: () => void): void {
  ofRequest.run(new Patience(), serve);
}

/** Waits with the patience of the request, or with its own. */
export function patiently<T>(work: Promise<T>): Promise<T> {
  return (ofRequest.getStore() ?? new Patience()).wait(work);
}
