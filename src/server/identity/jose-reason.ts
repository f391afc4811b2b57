import { errors } from 'jose';

const REASONS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'expired',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'signature',
  ERR_JOSE_ALG_NOT_ALLOWED: 'algorithm',
  ERR_JWKS_NO_MATCHING_KEY: 'unknown_key',
};

/** Why a JWT was refused, for the audit, without jose's own messages: they contain claims. */
export function joseReason(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'aud' ? 'audience' : error.claim;
  return error instanceof errors.JOSEError ? (REASONS[error.code] ?? 'malformed') : 'malformed';
}
