import { hash } from 'node:crypto';
import type { Caller } from './caller.js';

/** A key that the issuer withdrew, as far as we know of it, verifies nothing after so long. */
const MAX_AGE_MS = 60_000;

export interface TokenCache {
  get(token: string): Caller | undefined;
  /** @param expiresAtMs when the token itself ends */
  set(token: string, caller: Caller, expiresAtMs: number): void;
  clear(): void;
}

/**
 * Remembers verified tokens, by their SHA-256: a dump of this memory holds no token.
 * Bounded; the least recently used goes first. Only good tokens are kept, so a flood of bad ones pushes none out.
 */
export function tokenCache(size: number, now: () => number): TokenCache {
  const entries = new Map<
    string,
    { readonly caller: Caller; readonly storedAt: number; readonly endsAt: number }
  >();

  return {
    get(token) {
      const digest = digestOf(token);
      const entry = entries.get(digest);
      if (!entry) return undefined;
      entries.delete(digest);
      if (now() < entry.storedAt || now() >= entry.endsAt) return undefined;
      entries.set(digest, entry);
      return entry.caller;
    },
    set(token, caller, expiresAtMs) {
      const storedAt = now();
      entries.set(digestOf(token), {
        caller,
        storedAt,
        endsAt: Math.min(expiresAtMs, storedAt + MAX_AGE_MS),
      });
      const oldest = entries.keys().next().value;
      if (entries.size > size && oldest !== undefined) entries.delete(oldest);
    },
    clear: () => entries.clear(),
  };
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64');
}
