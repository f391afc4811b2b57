/** Who is calling, once proven. A session belongs to a caller; limits are counted per caller. */
export interface Caller {
  /** `iss` of the token; `api-key`, `none` or `stdio` for the other methods. */
  readonly issuer: string;
  /** `sub` of the token, or the id of the key. */
  readonly subject: string;
  readonly clientId?: string;
  readonly keyId?: string;
  readonly method: 'jwt' | 'api-key' | 'none' | 'stdio';
  readonly scopes: readonly string[];
}

const keys = new WeakMap<Caller, string>();

/** Names a caller for ownership and limits. JSON, so that no issuer or subject can spell another caller's pair. */
export function callerKey(caller: Caller): string {
  const known = keys.get(caller);
  if (known !== undefined) return known;
  const key = JSON.stringify([caller.issuer, caller.subject]);
  keys.set(caller, key);
  return key;
}
