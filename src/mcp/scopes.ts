/** The one rule for scopes, for HTTP, for lists and for stdio. */
import type { Caller } from '../identity/caller.js';

/** The scopes that a call needs and the caller lacks. */
export function missingScopes(caller: Caller, needed: readonly string[]): readonly string[] {
  return needed.filter((scope) => !caller.scopes.includes(scope));
}

/**
 * Whether a list shows a definition. An API key sees what it may call; a token sees everything, because a client can
 * step up (RFC 9470) only to what it can see.
 */
export function mayList(caller: Caller, needed: readonly string[]): boolean {
  return caller.method === 'jwt' || missingScopes(caller, needed).length === 0;
}
