/** What the claims of a token say of its caller, in the words of each identity provider: docs/identity-providers.md. */
import type { JWTPayload } from 'jose';
import type { Caller } from './caller.js';
import { credentialsInvalid } from './verifier.js';

/** Where the scopes stand, and how they are written. */
export interface ScopeRules {
  /** Claims whose values count as scopes, all that are present together. */
  readonly claims: readonly string[];
  /** Taken off the scopes that begin with it; the others do not count. */
  readonly prefix?: string | undefined;
}

/** RFC 9068 §2.2.3, and what older issuers write. */
export const USUAL_SCOPES: ScopeRules = { claims: ['scope', 'scp'] };
/** RFC 9068 §2.2, OpenID Connect Core §2, Okta, and version 1 of Entra ID: the first that is there counts. */
const CLIENT_CLAIMS = ['client_id', 'azp', 'cid', 'appid'];

/** @param payload proven, but for its types */
export function callerOf(
  payload: JWTPayload,
  { issuer, method }: Pick<Caller, 'issuer' | 'method'>,
  rules: ScopeRules,
): Caller {
  const { sub, jti } = payload;
  if (typeof sub !== 'string' || sub === '') throw credentialsInvalid('sub');
  const clientId = CLIENT_CLAIMS.map((name) => payload[name]).find((value) => value !== undefined);
  return {
    issuer,
    subject: sub,
    ...(typeof clientId === 'string' && { clientId }),
    ...(typeof jti === 'string' && { tokenId: jti }),
    method,
    scopes: scopesOf(payload, rules),
    ...('cnf' in payload && bindingOf(payload['cnf'])),
  };
}

/** NumericDate (RFC 7519 §2). JSON can write infinity as 1e999, for a token that never expires. */
export function requireWholeTimes({ exp, nbf, iat }: JWTPayload): void {
  if ([exp, nbf, iat].some((time) => time !== undefined && !Number.isSafeInteger(time)))
    throw credentialsInvalid('time');
}

/**
 * RFC 9449 §6.1, RFC 8705 §3.1. A token that is bound to something else gets a thumbprint that no key has; what is no text
 * becomes a digest that no certificate has.
 */
function bindingOf(confirmation: unknown): Pick<Caller, 'boundTo' | 'boundToCertificate'> {
  const { jkt, 'x5t#S256': certificate } = Object(confirmation) as Readonly<Record<string, unknown>>;
  const textOf = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    ...((jkt !== undefined || certificate === undefined) && { boundTo: textOf(jkt) }),
    ...(certificate !== undefined && { boundToCertificate: textOf(certificate) }),
  };
}

function scopesOf(payload: JWTPayload, { claims, prefix = '' }: ScopeRules): readonly string[] {
  const written = claims.flatMap((name) => textsIn(payload[name]));
  const ours = written.filter((scope) => scope.startsWith(prefix)).map((scope) => scope.slice(prefix.length));
  return [...new Set(ours)];
}

/** The words of a string, or the strings of a list. */
function textsIn(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ').filter(Boolean);
  return Array.isArray(claim) ? claim.filter((entry) => typeof entry === 'string') : [];
}
