/**
 * Takes the one credential of a request from its headers, never from query, body or cookies: proxies log the query, and
 * browsers attach cookies to forged requests (RFC 6750 §2, RFC 9700 §4.3.2).
 */
import type { IncomingMessage } from 'node:http';
import { headerLines } from '../raw-headers.js';
import { RefusedRequest } from '../refusal.js';
import { looksLikeApiKey } from './api-key-format.js';
import { credentialsInvalid } from './verifier.js';

const BEARER = /^Bearer +(.+)$/i;
const BEARER_OR_DPOP = /^(?:Bearer|DPoP) +(.+)$/i;

/**
 * @param takesDpop whether a token may come by the scheme of bound tokens, which `dpop.ts` judges
 * @throws {RefusedRequest} `credentials_missing`, `credentials_ambiguous` or `credentials_invalid`
 */
export function readCredential(req: Pick<IncomingMessage, 'rawHeaders'>, takesDpop = false): string {
  const scheme = takesDpop ? BEARER_OR_DPOP : BEARER;
  const authorization = headerLines(req.rawHeaders, 'authorization');
  const apiKey = headerLines(req.rawHeaders, 'x-api-key');
  if (authorization.length + apiKey.length > 1) throw ambiguous('several headers');

  const credential = authorization[0] !== undefined ? afterScheme(authorization[0], scheme) : apiKey[0];
  if (credential === undefined) throw new RefusedRequest('credentials_missing');
  if (credential.includes(',')) throw ambiguous('comma-joined');
  if (!/^[\w.~+/-]+=*$/.test(credential)) throw credentialsInvalid('malformed');
  if (apiKey.length > 0 && !looksLikeApiKey(credential)) throw credentialsInvalid('not_an_api_key');
  return credential;
}

/** RFC 6750 §2.1, RFC 9449 §7.1; the scheme's case does not matter (RFC 9110 §11.1). */
function afterScheme(authorization: string, scheme: RegExp): string {
  const [, credential] = scheme.exec(authorization) ?? [];
  if (credential === undefined) throw credentialsInvalid('scheme');
  return credential;
}

function ambiguous(reason: string): RefusedRequest {
  return new RefusedRequest('credentials_ambiguous', { detail: { reason } });
}
