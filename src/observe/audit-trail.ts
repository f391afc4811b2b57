import { createHmac } from 'node:crypto';
import { NO_FACTS } from './audit-line.js';
import type { AuditFacts, AuditStage, AuditTrail } from './audit-record.js';

export interface RequestTrail extends AuditTrail {
  /** Writes `completed`, or `stream-close` after a `stream-open`. Only the first call counts. */
  end(facts?: AuditFacts): void;
}

/** Where a trail writes its records. */
export interface Recorder {
  readonly hmacKey: Buffer;
  write(stage: AuditStage, trail: RequestTrail): void;
  received(trail: RequestTrail): Promise<void>;
}

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
    // Every fact has its place from the start: an object that grows key by key is slow, and each layer adds some.
    this.facts = { ...NO_FACTS, ...facts } as AuditFacts;
    this.#recorder = recorder;
  }

  note(facts: AuditFacts): void {
    Object.assign(this.facts, facts);
  }

  session(id: string): void {
    this.facts['mcp.session'] = this.#digest('session', id);
  }

  arguments(args: unknown, safe: readonly string[] = []): void {
    const json = canonicalJson(args);
    const values = safeValues(args, safe);
    const digest = this.#digest('arguments', json);
    this.facts.arguments = { digest, bytes: Buffer.byteLength(json), ...(values && { values }) };
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
  }

  /**
   * Keyed: without the key nobody can test a guess of a session id or of an argument against the audit. The kind stands
   * before the text, so that no argument can have the digest of a session. 128 bits (22 characters) are enough to
   * compare by, and too few to be taken for a key.
   */
  #digest(kind: string, text: string): string {
    const hmac = createHmac('sha256', this.#recorder.hmacKey).update(`${kind}\0${text}`).digest();
    return hmac.subarray(0, 16).toString('base64url');
  }
}

/** Equal for equal JSON, whatever the order of its keys. */
function canonicalJson(value: unknown): string {
  try {
    return JSON.stringify(value, sortedKeys) ?? '';
  } catch {
    return ''; // a cycle, or nested too deep: nothing that came as JSON
  }
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Own members only: a name such as `constructor` must not find what the client did not send. */
function safeValues(args: unknown, safe: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  const known = safe.filter((name) => Object.hasOwn(args, name));
  if (known.length === 0) return undefined;
  return Object.fromEntries(known.map((name) => [name, (args as Record<string, unknown>)[name]]));
}
