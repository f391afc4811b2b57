import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';
import { RefusedRequest } from '../refusal.js';
import { ASYMMETRIC } from './algorithms.js';
import type { Caller } from './caller.js';
import { joseReason } from './jose-reason.js';
import { keySet } from './key-set.js';
import { callerOf, requireWholeTimes, type ScopeRules, USUAL_SCOPES } from './token-claims.js';
import { tokenCache } from './token-cache.js';
import { credentialsInvalid, type IdentityLog, type Verifier } from './verifier.js';

export interface JwtVerifierOptions {
  /** Compared as plain strings. Each issuer has its own keys. */
  readonly issuers: readonly string[];
  /** Key set of the single issuer, instead of discovery. */
  readonly jwksUrl?: URL;
  /** A token must name at least one. */
  readonly audience: readonly string[];
  /** Asymmetric algorithms only. */
  readonly algorithms: readonly string[];
  readonly clockToleranceS: number;
  /** Default: `scope` and `scp`, as they are. */
  readonly scopes?: ScopeRules;
  /** Verified tokens remembered. Default 10,000. */
  readonly cacheSize?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly logger?: IdentityLog;
}

/** RFC 9068 §4, and what older issuers write. Refuses logout and security event tokens. */
const ACCESS_TOKEN_TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];
/** Headers by which a token would bring its own key (RFC 8725 §3.10). */
const EMBEDDED_KEYS = ['jwk', 'jku', 'x5u', 'x5c'];
/** Most keys tried for one token, since each costs a signature check. */
const MAX_KEYS_TRIED = 4;

/** Proves access tokens in JWT form (RFC 9068, RFC 8725). */
export function jwtVerifier(options: JwtVerifierOptions): Verifier {
  requireSafe(options);
  const { issuers, jwksUrl, clockToleranceS, scopes = USUAL_SCOPES } = options;
  const { cacheSize = 10_000, now = Date.now, logger } = options;
  const keySets = new Map(issuers.map((issuer) => [issuer, keySet(issuer, jwksUrl, now, logger)]));
  const cache = tokenCache(cacheSize, now);

  async function prove(token: string): Promise<Caller> {
    requireAccessTokenHeader(token);
    // The unverified `iss` only selects one of our key sets; the signature must then match it.
    const { iss: issuer = '' } = decodeJwt(token);
    const keys = keySets.get(issuer);
    if (!keys) throw credentialsInvalid('issuer');
    const { payload } = await verifyWithAny(token, keys.key, {
      issuer,
      audience: [...options.audience],
      algorithms: [...options.algorithms],
      clockTolerance: clockToleranceS,
      currentDate: new Date(now()),
      requiredClaims: ['exp', 'sub'],
    });
    requireWholeTimes(payload);
    const expiresAt = ((payload.exp ?? 0) + clockToleranceS) * 1000;
    const caller = { ...callerOf(payload, { issuer, method: 'jwt' }, scopes), expiresAt };
    cache.set(token, caller, expiresAt);
    return caller;
  }

  return {
    kind: 'jwt',
    accepts: (credential) => credential.split('.').length === 3,
    async verify(token) {
      try {
        return cache.get(token) ?? (await prove(token));
      } catch (error) {
        throw error instanceof RefusedRequest ? error : credentialsInvalid(joseReason(error));
      }
    },
    close() {
      for (const keys of keySets.values()) keys.close();
      cache.clear();
    },
  };
}

/** A token without `kid` may match several keys of its issuer: tries each. */
async function verifyWithAny(token: string, key: JWTVerifyGetKey, options: JWTVerifyOptions) {
  try {
    return await jwtVerify(token, key, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const one of error) {
      if (++tried > MAX_KEYS_TRIED) break;
      try {
        return await jwtVerify(token, one, options);
      } catch (wrong) {
        if (!(wrong instanceof errors.JWSSignatureVerificationFailed)) throw wrong;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function requireSafe({ issuers, jwksUrl, audience, algorithms }: JwtVerifierOptions): void {
  if (issuers.length === 0) throw new TypeError('jwtVerifier needs an issuer');
  if (audience.length === 0)
    throw new TypeError('jwtVerifier needs an audience: tokens for others must not work here');
  if (jwksUrl && issuers.length > 1) throw new TypeError('one jwksUrl cannot serve several issuers');
  if (algorithms.length === 0 || !algorithms.every((algorithm) => ASYMMETRIC.includes(algorithm))) {
    throw new TypeError(
      'jwtVerifier needs asymmetric algorithms: with a shared secret every verifier could sign',
    );
  }
}

function requireAccessTokenHeader(token: string): void {
  // Decoders ignore the unused bits in the last character of a part. Only the canonical spelling passes, or a changed token
  // would still verify.
  const isCanonical = (part: string) => Buffer.from(part, 'base64url').toString('base64url') === part;
  if (!token.split('.').every(isCanonical)) throw credentialsInvalid('malformed');

  const header = decodeProtectedHeader(token);
  if (EMBEDDED_KEYS.some((name) => name in header)) throw credentialsInvalid('embedded_key');
  // We support no extension. With `b64: false` the signature covers other bytes than those we read (RFC 7797 §7).
  if ('crit' in header || 'b64' in header) throw credentialsInvalid('extension');
  const type: unknown = typeof header.typ === 'string' ? header.typ.toLowerCase() : header.typ;
  if (!ACCESS_TOKEN_TYPES.includes(type)) throw credentialsInvalid('type');
}
