import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { JSONWebKeySet, JWK } from 'jose';

const MIN_RSA_BITS = 2048; // RFC 7518 §3.3
const MIN_RSA_EXPONENT = 65_537n; // FIPS 186-5 §5.4: odd, and at least this

/**
 * The keys of a set that may verify a signature. Weak keys, points off their curve and keys for encryption are ignored, as
 * if the issuer had not published them.
 */
export function usableKeys({ keys }: JSONWebKeySet): JSONWebKeySet {
  if (!Array.isArray(keys)) throw new Error('not a key set');
  return { keys: keys.filter(isUsable) };
}

function isUsable(jwk: JWK): boolean {
  const { use = 'sig', key_ops: operations = ['verify'] } = Object(jwk) as JWK;
  if (use !== 'sig' || !Array.isArray(operations) || !operations.includes('verify')) return false;
  try {
    const { asymmetricKeyType, asymmetricKeyDetails = {} } = createPublicKey({
      key: jwk as JsonWebKey,
      format: 'jwk',
    });
    if (asymmetricKeyType !== 'rsa') return true;
    const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails;
    return modulusLength >= MIN_RSA_BITS && publicExponent >= MIN_RSA_EXPONENT && publicExponent % 2n === 1n;
  } catch {
    return false;
  }
}
