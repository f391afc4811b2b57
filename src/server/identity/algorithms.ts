/** Algorithms with a public key (RFC 7518 §3.1, RFC 8037). With a shared secret, every verifier could also sign. */
export const ASYMMETRIC: readonly string[] =
  'ES256 ES384 ES512 EdDSA Ed25519 PS256 PS384 PS512 RS256 RS384 RS512'.split(' ');
