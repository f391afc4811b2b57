import { createHmac } from 'node:crypto';

/** 128 bits: enough to compare by, too few to be taken for a key. */
const DIGEST_BYTES = 16;

export interface ArgumentsDigest {
  readonly digest: string;
  readonly bytes: number;
}

/** Keyed digests: without the key nobody can test a guess of a session id or of an argument against the audit. */
export interface Digests {
  session(id: string): string;
  /** Equal for equal JSON, whatever the order of its keys. */
  arguments(args: unknown): ArgumentsDigest;
}

export function createDigests(key: Buffer): Digests {
  // The kind stands before the text, so that no argument can have the digest of a session.
  const digest = (kind: string, text: string): string =>
    createHmac('sha256', key)
      .update(`${kind}\0${text}`)
      .digest()
      .subarray(0, DIGEST_BYTES)
      .toString('base64url');

  return {
    session: (id) => digest('session', id),
    arguments(args) {
      const json = canonicalJson(args);
      return { digest: digest('arguments', json), bytes: Buffer.byteLength(json) };
    },
  };
}

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
