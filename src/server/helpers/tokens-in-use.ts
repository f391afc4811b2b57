/** Tokens that were fetched, until shortly before they end. */
import type { Token } from './token-endpoint.js';

/** A token that ends on its way is a failed call. */
const EARLY_MS = 30_000;
/** Beyond it the oldest is forgotten, and asked for again. */
const MAX_TOKENS = 10_000;

interface Entry {
  readonly token: Promise<string>;
  endsAt: number;
}

/** @returns the token of that key; who asks while it is being fetched waits for the same one */
export function tokensInUse() {
  const entries = new Map<string, Entry>();

  return function tokenFor(key: string, request: () => Promise<Token>): Promise<string> {
    const known = entries.get(key);
    if (known && Date.now() < known.endsAt) return known.token;
    const requested = request();
    const token = requested.then(({ accessToken }) => accessToken);
    const entry: Entry = { token, endsAt: Number.POSITIVE_INFINITY };
    requested.then(
      ({ endsAt }) => {
        entry.endsAt = endsAt - EARLY_MS;
      },
      () => {
        entry.endsAt = 0; // the next one tries again
      },
    );
    entries.delete(key);
    entries.set(key, entry);
    const [oldest] = entries.keys();
    if (entries.size > MAX_TOKENS && oldest !== undefined) entries.delete(oldest);
    return token;
  };
}
