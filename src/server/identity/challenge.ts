/** How a client learns to authenticate: the challenge of a 401, and the OAuth metadata. */
import type { RequestHandler } from 'express';

interface ChallengeOptions {
  /** URL of the RFC 9728 document; absent unless OAuth tokens are accepted. */
  readonly resourceMetadata?: URL;
  /** Scopes that a client should request when no call has named others. */
  readonly scopes?: readonly string[];
}

export type Challenge = (error?: string, scope?: readonly string[]) => Record<'WWW-Authenticate', string>;

/**
 * Makes the `WWW-Authenticate` header (RFC 6750 §3, RFC 9728 §5.1). Without OAuth a 401 names only a realm: a client that
 * sees OAuth advertised ignores its API key.
 */
export function challenge({ resourceMetadata, scopes = [] }: ChallengeOptions): Challenge {
  return function challenge(error, scope = scopes) {
    const named = resourceMetadata !== undefined || error === 'insufficient_scope';
    const parameters = [
      resourceMetadata ? '' : 'realm="mcp"',
      named && error !== undefined ? `error="${error}"` : '',
      named && scope.length > 0 ? `scope="${scope.join(' ')}"` : '',
      resourceMetadata ? `resource_metadata="${resourceMetadata.href}"` : '',
    ];
    return { 'WWW-Authenticate': `Bearer ${parameters.filter(Boolean).join(', ')}` };
  };
}

interface ResourceMetadata {
  /** The canonical URI of this server, as clients write it. */
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported: readonly string[];
  readonly resource_name: string;
}

/** Tells clients which authorization servers to ask for a token (RFC 9728 §2). */
export function resourceMetadata(metadata: ResourceMetadata): RequestHandler {
  const document = { ...metadata, bearer_methods_supported: ['header'] };
  return function resourceMetadata(_req, res) {
    res.set('Cache-Control', 'public, max-age=300').json(document);
  };
}
