import { orAbort } from './or-abort.js';
import { tokenEndpoint, type TokenOptions } from './token-endpoint.js';
import { tokensInUse } from './tokens-in-use.js';

/**
 * Tokens of this server itself (RFC 6749 §4.4): the same for all callers, so the API must be told for whom it is asked.
 *
 * @returns gives a token, which is kept until shortly before it ends
 * @throws {TypeError} for options that are not safe
 */
export function clientCredentials(options: TokenOptions): (signal: AbortSignal) => Promise<string> {
  const requestToken = tokenEndpoint(options);
  const tokenFor = tokensInUse();
  return function clientCredentials(signal) {
    return orAbort(
      tokenFor('', () => requestToken('client_credentials', {})),
      signal,
    );
  };
}
