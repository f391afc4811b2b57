/** The one rule for scopes, for HTTP, for lists and for stdio. */
import type { Caller } from '../../identity/caller.js';

/** Something that needs scopes: all of `scopes`, which include `REQUIRED_SCOPES`. */
export interface Guarded {
  readonly scopes: readonly string[];
}

/** The scopes that a call needs and the caller lacks. */
export function missingScopes(caller: Caller, { scopes }: Guarded): readonly string[] {
  return scopes.filter((scope) => !caller.scopes.includes(scope));
}

export function mayCall(caller: Caller, guarded: Guarded): boolean {
  return missingScopes(caller, guarded).length === 0;
}

/**
 * Whether a list shows a definition. An API key sees what it may call; a token sees everything, because a client can
 * step up (RFC 9470) only to what it can see.
 */
export function mayList(caller: Caller, guarded: Guarded): boolean {
  return hasToken(caller) || mayCall(caller, guarded);
}

export function hasToken({ method }: Caller): boolean {
  return method === 'jwt' || method === 'introspection';
}
