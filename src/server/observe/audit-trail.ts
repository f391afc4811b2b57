import { createHmac, type KeyObject } from 'node:crypto';
import { AuditFacts, type AuditHead, type AuditTrail } from './audit-record.js';

const MAX_KNOWN_SESSIONS = 1000;
const MAX_SESSION_ID_CHARS = 64;

export interface RequestTrail extends AuditTrail {
  /** Writes `completed`, or `stream-close` after a `stream-open`. Only the first call counts. */
  end(facts?: AuditFacts): void;
}

/** Where trails write their records. */
interface Recorder {
  readonly hmacKey: KeyObject;
  readonly sessionDigest: (id: string) => string;
  write(stage: AuditHead['stage'], trail: Trail): void;
  received(trail: Trail): Promise<void>;
}

/** A class: every request makes one, an open stream keeps it, and a closure for each method would take more than its data. */
export class Trail implements RequestTrail {
  readonly facts: AuditFacts;
  readonly #started = performance.now();
  #streaming = false;
  #ended = false;

  constructor(
    readonly requestId: string,
    given: AuditFacts,
    readonly isAccepted: boolean,
    private readonly recorder: Recorder,
  ) {
    this.facts = Object.assign(new AuditFacts(), given);
  }

  note(more: AuditFacts): void {
    Object.assign(this.facts, more);
  }

  session(id: string): void {
    this.facts['mcp.session'] = this.recorder.sessionDigest(id);
  }

  arguments(received: Uint8Array | string, args: unknown, safe: readonly string[] = []): void {
    const values = safeValues(args, safe);
    this.facts.arguments = {
      digest: digest(this.recorder.hmacKey, 'arguments', received),
      bytes: Buffer.byteLength(received),
      ...(values && { values }),
    };
  }

  received(): Promise<void> {
    return this.recorder.received(this);
  }

  streamOpen(): void {
    if (this.#streaming || this.#ended) return;
    this.#streaming = true;
    this.recorder.write('stream-open', this);
  }

  end(more?: AuditFacts): void {
    if (this.#ended) return;
    this.#ended = true;
    const durationMs = Math.round((performance.now() - this.#started) * 10) / 10;
    Object.assign(this.facts, { durationMs }, more);
    this.recorder.write(this.#streaming ? 'stream-close' : 'completed', this);
  }
}

/** Caches digests, since every request of a session needs its one. Longer ids are not ours. */
export function sessionDigests(key: KeyObject): (id: string) => string {
  const known = new Map<string, string>();
  return (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const made = digest(key, 'session', id);
    if (id.length > MAX_SESSION_ID_CHARS) return made;
    if (known.size === MAX_KNOWN_SESSIONS) known.clear();
    known.set(id, made);
    return made;
  };
}

/**
 * Keyed, so that without the key nobody can test guesses of session ids or arguments against the audit. The prefix keeps an
 * argument from having the digest of a session. 132 bits are enough to compare, and too short to look like a key.
 */
export function digest(
  key: KeyObject,
  kind: 'session' | 'task' | 'arguments',
  text: Uint8Array | string,
): string {
  return createHmac('sha256', key).update(`${kind}\0`).update(text).digest('base64url').slice(0, 22);
}

/** Own members only: a name such as `constructor` must not find inherited ones. */
function safeValues(args: unknown, safe: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  const known = safe.filter((name) => Object.hasOwn(args, name));
  if (known.length === 0) return undefined;
  return Object.fromEntries(known.map((name) => [name, (args as Record<string, unknown>)[name]]));
}
