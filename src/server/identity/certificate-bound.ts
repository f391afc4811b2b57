/**
 * Certificate-bound tokens (RFC 8705 §3): a token that names a certificate in `cnf.x5t#S256` is worth nothing to a thief who
 * lacks its private key, which the TLS handshake proves. The issuer has judged the certificate; only its digest counts here.
 */
import { createHash } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { RequirePossession } from './dpop.js';
import { credentialsInvalid } from './verifier.js';

/** @throws {RefusedRequest} `credentials_invalid` */
export const requireCertificate: RequirePossession = async ({ socket }, _token, { boundToCertificate }) => {
  if (boundToCertificate === undefined) return;
  // A proxy ended TLS. What it may say of the client in a header is not believed: a client could say it too.
  if (!(socket instanceof TLSSocket)) throw credentialsInvalid('certificate_unseen');
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw credentialsInvalid('certificate_missing');
  const digest = createHash('sha256').update(certificate.raw).digest('base64url');
  if (digest !== boundToCertificate) throw credentialsInvalid('certificate_other');
};
