/** How a client learns to authenticate: the challenge of a 401, and the OAuth metadata. */
import type { RequestHandler } from 'express';

interface ChallengeOptions {
  /** URL of the RFC 9728 document; absent unless OAuth tokens are accepted. */
  readonly resourceMetadata?: URL;
  /** Scopes that a client should request when no call has named others. */
  readonly scopes?: readonly string[];
  /** What the identity provider writes before each scope. */
  readonly scopePrefix?: string | undefined;
  /** Algorithms of DPoP proofs, and whether only bound tokens are taken. */
  readonly dpop?: { readonly algorithms: readonly string[]; readonly isRequired: boolean } | undefined;
}

export type Challenge = (error?: string, scope?: readonly string[]) => Record<'WWW-Authenticate', string>;

/**
 * Makes the `WWW-Authenticate` header (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1). Without OAuth a 401 names only a realm: a client that
 * sees OAuth advertised ignores its API key.
 */
export function challenge({
  resourceMetadata,
  scopes = [],
  scopePrefix = '',
  dpop,
}: ChallengeOptions): Challenge {
  return function challenge(error, scope = scopes) {
    const named = resourceMetadata !== undefined || error === 'insufficient_scope';
    const parametersOf = (shownError: string | undefined) => [
      resourceMetadata ? '' : 'realm="mcp"',
      named && shownError !== undefined ? `error="${shownError}"` : '',
      named && scope.length > 0 ? `scope="${scope.map((one) => scopePrefix + one).join(' ')}"` : '',
      resourceMetadata ? `resource_metadata="${resourceMetadata.href}"` : '',
    ];
    const schemes = [
      // The errors of a proof are none of Bearer's.
      ...(dpop?.isRequired ? [] : [['Bearer', ...parametersOf(isOfProof(error) ? undefined : error)]]),
      ...(dpop ? [['DPoP', `algs="${dpop.algorithms.join(' ')}"`, ...parametersOf(error)]] : []),
    ];
    const written = schemes.map(([scheme, ...given]) => `${scheme} ${given.filter(Boolean).join(', ')}`);
    return { 'WWW-Authenticate': written.join(', ') };
  };
}

function isOfProof(error: string | undefined): boolean {
  return error === 'invalid_dpop_proof' || error === 'use_dpop_nonce';
}

interface ResourceMetadata {
  /** The canonical URI of this server, as clients write it. */
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported: readonly string[];
  readonly resource_name: string;
  /** RFC 9728 §2, RFC 8705 §3.3: only where TLS ends in this process, which then sees the certificates. */
  readonly tls_client_certificate_bound_access_tokens?: boolean;
  /** RFC 9728 §2, for DPoP. */
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly dpop_bound_access_tokens_required?: boolean;
}

/** Tells clients which authorization servers to ask for a token (RFC 9728 §2). */
export function resourceMetadata(metadata: ResourceMetadata): RequestHandler {
  const document = { ...metadata, bearer_methods_supported: ['header'] };
  return function resourceMetadata(_req, res) {
    res.set('Cache-Control', 'public, max-age=300').json(document);
  };
}
