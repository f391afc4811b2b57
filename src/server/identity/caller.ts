/** Who is calling, once proven. A session belongs to a caller; limits are counted per caller. */
export interface Caller {
  /** `iss` of the token; `api-key`, `none` or `stdio` for the other methods. */
  readonly issuer: string;
  /** `sub` of the token, or the id of the key. */
  readonly subject: string;
  readonly clientId?: string;
  readonly keyId?: string;
  /** `jti` of the token, by which `DENYLIST_FILE` can name it. */
  readonly tokenId?: string;
  readonly method: 'jwt' | 'introspection' | 'api-key' | 'none' | 'stdio';
  readonly scopes: readonly string[];
  /** When the credential is over, in milliseconds since the epoch; absent where it has no end. */
  readonly expiresAt?: number;
  /** Thumbprint (RFC 7638) of the key that the token is bound to; only whoever proves that it has the key may use it. */
  readonly boundTo?: string;
  /** SHA-256 of the certificate that the token is bound to (RFC 8705), base64url. */
  readonly boundToCertificate?: string;
}

const keys = new WeakMap<Caller, string>();

/** Names a caller for ownership and limits. JSON, so that no issuer or subject can spell another caller's pair. */
export function callerKey(caller: Caller): string {
  let key = keys.get(caller);
  if (key === undefined) keys.set(caller, (key = JSON.stringify([caller.issuer, caller.subject])));
  return key;
}
