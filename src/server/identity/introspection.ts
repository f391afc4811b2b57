/**
 * Proves opaque tokens by asking their issuer (RFC 7662).
 *
 * - A JWT is never asked about, nor an API key: the issuer must not see a credential that is not its own.
 * - An answer is believed only if it says of the token what a JWT would have to say.
 * - A yes is remembered for 30 s at most, by the token's hash; a no is not, since the issuer may know a new token late.
 * - Requests with the same token share one question. Where nobody can tell, the answer is 503.
 */
import type { JWTPayload } from 'jose';
import { RefusedRequest } from '../refusal.js';
import { looksLikeApiKey } from './api-key-format.js';
import type { Caller } from './caller.js';
import { describe } from './fetch-keys.js';
import type { Ask } from './introspection-endpoint.js';
import { callerOf, requireWholeTimes, type ScopeRules, USUAL_SCOPES } from './token-claims.js';
import { digestOf, tokenCache } from './token-cache.js';
import { credentialsInvalid, type IdentityLog, type Verifier } from './verifier.js';

export interface IntrospectionOptions {
  readonly ask: Ask;
  /** Compared as a plain string. */
  readonly issuer: string;
  /** A token must name at least one. */
  readonly audience: readonly string[];
  readonly clockToleranceS: number;
  /** Default: `scope` and `scp`, as they are. */
  readonly scopes?: ScopeRules;
  /** Tokens remembered. Default 10,000. */
  readonly cacheSize?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly logger?: IdentityLog;
}

const MAX_AGE_MS = 30_000;
/** Of one question, with its answer. */
const TIMEOUT_MS = 5_000;
/** Made-up tokens cost nothing: without bounds, whoever sends them could flood the issuer through us. */
const MAX_AT_ONCE = 64;
const MAX_PER_SECOND = 200;
/** Parts of a JWS and of a JWE (RFC 7515 §7.1, RFC 7516 §7.1). */
const JWT_PARTS = [3, 5];
const TOKEN_TYPES: readonly unknown[] = [undefined, 'bearer', 'dpop'];

export function introspectionVerifier(options: IntrospectionOptions): Verifier {
  const { ask, issuer, scopes = USUAL_SCOPES, cacheSize = 10_000, now = Date.now, logger } = options;
  if (options.audience.length === 0)
    throw new TypeError('introspectionVerifier needs an audience: tokens for others must not work here');
  const cache = tokenCache(cacheSize, now);
  const pending = new Map<string, Promise<Caller>>();
  const closing = new AbortController();
  const mayAsk = atMostPerSecond(MAX_PER_SECOND, now);
  let problem: string | undefined;

  async function answerOf(token: string): Promise<JWTPayload> {
    if (pending.size >= MAX_AT_ONCE || !mayAsk()) throw unavailable('too_many_questions');
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const answer = await ask(token, signal);
      problem = undefined;
      return answer;
    } catch (error) {
      const message = describe(error);
      if (message !== problem)
        logger?.warn({ issuer, problem: message }, 'a token could not be introspected');
      problem = message;
      throw unavailable('introspection');
    }
  }

  function unavailable(reason: string): RefusedRequest {
    return new RefusedRequest('issuer_unavailable', {
      detail: { issuer, reason },
      headers: { 'Retry-After': '2' },
    });
  }

  async function prove(token: string): Promise<Caller> {
    const answer = await answerOf(token);
    requireClaims(answer, options, now() / 1000);
    const { exp = 0 } = answer;
    const expiresAt = (exp + options.clockToleranceS) * 1000;
    const caller = { ...callerOf(answer, { issuer, method: 'introspection' }, scopes), expiresAt };
    cache.set(token, caller, Math.min(exp * 1000, now() + MAX_AGE_MS));
    return caller;
  }

  function proveOnce(token: string): Promise<Caller> {
    const digest = digestOf(token);
    const running = pending.get(digest);
    if (running) return running;
    const proof = prove(token).finally(() => pending.delete(digest));
    pending.set(digest, proof);
    return proof;
  }

  return {
    kind: 'introspection',
    accepts: (credential) =>
      !looksLikeApiKey(credential) && !JWT_PARTS.includes(credential.split('.').length),
    verify: async (token) => cache.get(token) ?? (await proveOnce(token)),
    close() {
      closing.abort();
      cache.clear();
    },
  };
}

/** What a JWT would have to say (`jwt.ts`), and that it is an access token: the endpoint also knows refresh tokens. */
function requireClaims(answer: JWTPayload, options: IntrospectionOptions, nowS: number): void {
  const { iss, aud, exp, nbf = nowS, active, token_type: type } = answer;
  const { issuer, audience, clockToleranceS } = options;
  if (active !== true) throw credentialsInvalid('inactive');
  if (!TOKEN_TYPES.includes(typeof type === 'string' ? type.toLowerCase() : type))
    throw credentialsInvalid('type');
  if (iss !== issuer) throw credentialsInvalid('issuer');
  if (![aud].flat().some((one) => typeof one === 'string' && audience.includes(one)))
    throw credentialsInvalid('audience');
  if (exp === undefined) throw credentialsInvalid('exp');
  requireWholeTimes(answer);
  if (exp <= nowS - clockToleranceS) throw credentialsInvalid('expired');
  if (nbf > nowS + clockToleranceS) throw credentialsInvalid('nbf');
}

function atMostPerSecond(max: number, now: () => number): () => boolean {
  let second = 0;
  let asked = 0;
  return () => {
    const current = Math.floor(now() / 1000);
    asked = current === second ? asked + 1 : 1;
    second = current;
    return asked <= max;
  };
}
