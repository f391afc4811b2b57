/**
 * Bounds the answers that are made but not sent yet, per caller and for the process: otherwise a client that sends requests
 * and does not read could fill the heap. Counted in characters; ASCII characters are bytes.
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

  /** Whether the process has room for an answer of this size. */
  hasRoom(size: number): boolean {
    return this.#all + size <= this.limits.perProcess;
  }

  /** A caller's first answer may exceed its share: the frame around a result adds to the size that was checked. */
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

/** The share of one call, from its result to its answer, or of one response, until its client has read it. */
export class UnsentPart {
  #size = 0;
  #isClosed = false;

  constructor(
    private readonly unsent: UnsentAnswers,
    private readonly owner: string,
  ) {}

  /** The refusal of that many more; `undefined` if there is room. */
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

  /** Stops counting: a result that a cancelled call still makes is never sent. */
  close(): void {
    this.set(0);
    this.#isClosed = true;
  }
}
