import { FACTS } from './audit-line.js';
import type { AuditFacts, AuditStage, AuditTrail } from './audit-record.js';
import type { Digests } from './digests.js';

export interface RequestTrail extends AuditTrail {
  /** Writes `completed`, or `stream-close` after a `stream-open`. Only the first call counts. */
  end(facts?: AuditFacts): void;
}

/** Where a trail writes its records. */
export interface Recorder {
  readonly digests: Digests;
  write(stage: AuditStage, trail: RequestTrail): void;
  received(trail: RequestTrail): Promise<void>;
  ended(facts: AuditFacts): void;
}

/** Every fact has its place from the start: an object that grows key by key is slow, and each layer adds some. */
const NO_FACTS = Object.fromEntries(FACTS.map((name) => [name, undefined])) as AuditFacts;

/** The one mutable thing of a request's audit; the process-wide parts are the recorder's. */
export class Trail implements RequestTrail {
  readonly facts: AuditFacts;
  readonly #recorder: Recorder;
  readonly #started = performance.now();
  #streaming = false;
  #ended = false;

  constructor(
    readonly requestId: string,
    facts: AuditFacts,
    recorder: Recorder,
  ) {
    this.facts = { ...NO_FACTS, ...facts };
    this.#recorder = recorder;
  }

  note(facts: AuditFacts): void {
    Object.assign(this.facts, facts);
  }

  session(id: string): void {
    this.facts['mcp.session'] = this.#recorder.digests.session(id);
  }

  arguments(args: unknown, safe: readonly string[] = []): void {
    const digest = this.#recorder.digests.arguments(args);
    const values = safeValues(args, safe);
    this.facts.arguments = values === undefined ? digest : { ...digest, values };
  }

  received(): Promise<void> {
    return this.#recorder.received(this);
  }

  streamOpen(): void {
    if (this.#streaming || this.#ended) return;
    this.#streaming = true;
    this.#recorder.write('stream-open', this);
  }

  end(facts: AuditFacts = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    const durationMs = Math.round((performance.now() - this.#started) * 10) / 10;
    this.note({ durationMs, ...facts });
    this.#recorder.write(this.#streaming ? 'stream-close' : 'completed', this);
    this.#recorder.ended(this.facts);
  }
}

/** Own members only: a name such as `constructor` must not find what the client did not send. */
function safeValues(args: unknown, safe: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  const known = safe.filter((name) => Object.hasOwn(args, name));
  if (known.length === 0) return undefined;
  return Object.fromEntries(known.map((name) => [name, (args as Record<string, unknown>)[name]]));
}
