import { hash } from 'node:crypto';
import type { Caller } from './caller.js';

/** Once we know that a key is withdrawn, its cached tokens are accepted for at most this long. */
const MAX_AGE_MS = 60_000;

interface Entry {
  readonly caller: Caller;
  readonly storedAt: number;
  readonly endsAt: number;
}

export const digestOf = (token: string) => hash('sha256', token, 'base64');

/**
 * Remembers verified tokens by their SHA-256, so that a memory dump of it contains no token.
 * Bounded: the least recently used is dropped. A flood of bad tokens evicts none, since only good ones are kept.
 */
export function tokenCache(size: number, now: () => number) {
  const entries = new Map<string, Entry>();

  return {
    get(token: string): Caller | undefined {
      const digest = digestOf(token);
      const entry = entries.get(digest);
      if (!entry) return undefined;
      entries.delete(digest);
      if (now() < entry.storedAt || now() >= entry.endsAt) return undefined;
      entries.set(digest, entry);
      return entry.caller;
    },
    /** @param expiresAtMs when the token itself expires */
    set(token: string, caller: Caller, expiresAtMs: number) {
      const storedAt = now();
      const endsAt = Math.min(expiresAtMs, storedAt + MAX_AGE_MS);
      entries.set(digestOf(token), { caller, storedAt, endsAt });
      const oldest = entries.keys().next().value;
      if (entries.size > size && oldest !== undefined) entries.delete(oldest);
    },
    clear: () => entries.clear(),
  };
}
