export interface ChallengeOptions {
  /** Where the RFC 9728 document is; only where OAuth tokens are accepted. */
  readonly resourceMetadata?: URL;
  /** Scopes a client should ask for when a call has not said which it needs. */
  readonly scopes?: readonly string[];
}

export type Challenge = (error?: string, scope?: readonly string[]) => Record<'WWW-Authenticate', string>;

/**
 * Makes the `WWW-Authenticate` header (RFC 6750 §3, RFC 9728 §5.1). Without OAuth a 401 names a realm and nothing
 * else: a client that sees OAuth advertised ignores a key it was given.
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
