import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Caller } from '../identity/caller.js';
import { ToolError } from '../mcp/definitions/tool.js';
import { orAbort } from './or-abort.js';
import { tokenEndpoint, type TokenOptions } from './token-endpoint.js';
import { tokensInUse } from './tokens-in-use.js';

export interface ExchangeOptions extends TokenOptions {
  /** Private key in PEM (PKCS #8), by which the authorization server believes this client who its user is. */
  readonly signingKey: string;
  /** Default ES256. */
  readonly algorithm?: 'ES256' | 'EdDSA' | 'PS256' | 'RS256';
  /** `kid` of the key, where the authorization server knows several. */
  readonly keyId?: string;
}

type Subject = Pick<Caller, 'issuer' | 'subject'>;

/**
 * Tokens for one user and one API (RFC 8693). The token of the caller is not what is exchanged: it was issued for this
 * server, and no tool sees it. This server states with its own key for whom it asks; the authorization server decides.
 *
 * @returns gives the token of a caller, which is kept for that caller until shortly before it ends
 * @throws {TypeError} for options that are not safe
 */
export function exchangeToken(
  options: ExchangeOptions,
): (caller: Subject, signal: AbortSignal) => Promise<string> {
  const requestToken = tokenEndpoint(options);
  const key = readKey(options.signingKey);
  const tokenFor = tokensInUse();

  async function exchange(caller: Subject) {
    return requestToken('urn:ietf:params:oauth:grant-type:token-exchange', {
      subject_token: await sign(caller, key, options),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
  }

  return async function exchangeToken(caller, signal) {
    const { issuer, subject } = caller;
    // An API key, or whoever started a process over stdio, is no user of the authorization server.
    if (!URL.canParse(issuer)) throw new ToolError('Sign in with your account: a key names no user here');
    return orAbort(
      tokenFor(JSON.stringify([issuer, subject]), () => exchange(caller)),
      signal,
    );
  };
}

function sign({ issuer, subject }: Subject, key: KeyObject, options: ExchangeOptions): Promise<string> {
  const { clientId, tokenUrl, algorithm = 'ES256', keyId } = options;
  // A subject is unique within its issuer alone (RFC 9493 §3.2.4).
  return new SignJWT({ sub_id: { format: 'iss_sub', iss: issuer, sub: subject } })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(clientId)
    .setSubject(subject)
    .setAudience(tokenUrl)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(key);
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new TypeError('signingKey is no private key in PEM');
  }
}
