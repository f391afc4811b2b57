/**
 * What is made of answers and not yet sent, of one caller and of all: without a bound, a client that asks and does not
 * read fills the heap. Counted in characters, which are bytes where a text is ASCII.
 */
import { type Caller, callerKey } from '../../identity/caller.js';
import { RefusedRequest } from '../../refusal.js';

export interface UnsentLimits {
  readonly perProcess: number;
  readonly perCaller: number;
}

export class UnsentAnswers {
  readonly #owners = new Map<string, number>();
  #all = 0;

  constructor(private readonly limits: UnsentLimits) {}

  part(caller: Caller): UnsentPart {
    return new UnsentPart(this, callerKey(caller));
  }

  /** Whether the process could still make an answer of this size. */
  hasRoom(size: number): boolean {
    return this.#all + size <= this.limits.perProcess;
  }

  /** The first of a caller only needs room: what frames a result may make it larger than what a caller may have. */
  fits(owner: string, more: number): boolean {
    const own = this.#owners.get(owner) ?? 0;
    return this.hasRoom(more) && (own === 0 || own + more <= this.limits.perCaller);
  }

  add(owner: string, difference: number): void {
    const own = (this.#owners.get(owner) ?? 0) + difference;
    this.#all += difference;
    if (own > 0) this.#owners.set(owner, own);
    else this.#owners.delete(owner);
  }
}

/** The part of one call, from its result to its answer, or of one response, until its client has it. */
export class UnsentPart {
  #size = 0;
  #isClosed = false;

  constructor(
    private readonly unsent: UnsentAnswers,
    private readonly owner: string,
  ) {}

  /** Why there may not be so much more; `undefined` where there is room. */
  refusal(more: number): RefusedRequest | undefined {
    if (this.#isClosed || this.unsent.fits(this.owner, more)) return undefined;
    return new RefusedRequest('overloaded', {
      detail: { reason: 'answers' },
      headers: { 'Retry-After': '1' },
    });
  }

  /** @throws {RefusedRequest} `overloaded` */
  take(size: number): void {
    const refusal = this.refusal(size);
    if (refusal) throw refusal;
    this.set(size);
  }

  set(size: number): void {
    if (this.#isClosed || size === this.#size) return;
    this.unsent.add(this.owner, size - this.#size);
    this.#size = size;
  }

  /** Nothing is counted from now on: what a cancelled call still makes is nobody's answer. */
  close(): void {
    this.set(0);
    this.#isClosed = true;
  }
}
