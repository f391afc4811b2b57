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
  write(stage: AuditHead['stage'], trail: AuditTrail): void;
  received(trail: AuditTrail): Promise<void>;
}

export function createTrail(requestId: string, given: AuditFacts, recorder: Recorder): RequestTrail {
  const facts = Object.assign(new AuditFacts(), given);
  const started = performance.now();
  let streaming = false;
  let ended = false;

  const trail: RequestTrail = {
    requestId,
    facts,
    note: (more) => void Object.assign(facts, more),
    session: (id) => void (facts['mcp.session'] = recorder.sessionDigest(id)),
    arguments(args, safe = []) {
      const json = canonicalJson(args);
      const values = safeValues(args, safe);
      facts.arguments = {
        digest: digest(recorder.hmacKey, 'arguments', json),
        bytes: Buffer.byteLength(json),
        ...(values && { values }),
      };
    },
    received: () => recorder.received(trail),
    streamOpen() {
      if (streaming || ended) return;
      streaming = true;
      recorder.write('stream-open', trail);
    },
    end(more) {
      if (ended) return;
      ended = true;
      const durationMs = Math.round((performance.now() - started) * 10) / 10;
      Object.assign(facts, { durationMs }, more);
      recorder.write(streaming ? 'stream-close' : 'completed', trail);
    },
  };
  return trail;
}

/** Every request of a session names it: its digest is made once. Ids that are none of ours are not worth a place. */
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
 * Keyed: without the key nobody can test a guess of a session id or of an argument against the audit. The kind stands
 * before the text, so that no argument can have the digest of a session. 132 bits are enough to compare by, and too
 * few to be taken for a key.
 */
function digest(key: KeyObject, kind: 'session' | 'arguments', text: string): string {
  return createHmac('sha256', key).update(`${kind}\0${text}`).digest('base64url').slice(0, 22);
}

/** Equal for equal JSON, whatever the order of its keys. */
function canonicalJson(value: unknown): string {
  try {
    return sortedJson(value);
  } catch {
    return ''; // a cycle, or nested too deep: nothing that came as JSON
  }
}

function sortedJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  if (Array.isArray(value)) return `[${value.map(sortedJson).join()}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${sortedJson(member)}`).join()}}`;
}

/** Own members only: a name such as `constructor` must not find what the client did not send. */
function safeValues(args: unknown, safe: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  const known = safe.filter((name) => Object.hasOwn(args, name));
  if (known.length === 0) return undefined;
  return Object.fromEntries(known.map((name) => [name, (args as Record<string, unknown>)[name]]));
}
