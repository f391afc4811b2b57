import type { Request, RequestHandler } from 'express';
import type { Caller } from '../identity/caller.js';
import type { RequirePossession } from '../identity/dpop.js';
import type { Standings } from '../identity/standings.js';
import type { Verifier } from '../identity/verifier.js';
import { RefusedRequest } from '../refusal.js';
import type { RateLimiter } from '../stores/types.js';
import { addressKey } from './client-address.js';
import { requestPath } from './request-path.js';

export interface AuthenticateOptions {
  /** One for each accepted kind of credential. */
  readonly verifiers: readonly Verifier[];
  /** The one credential of a request; refuses none (`credentials_missing`) and two (`credentials_ambiguous`). */
  readonly readCredential: (req: Pick<Request, 'rawHeaders'>) => string;
  /** Refuses whoever does not prove that a bound token is its own. */
  readonly requirePossession?: RequirePossession;
  /** The `WWW-Authenticate` header of a 401 (RFC 6750 §3). */
  readonly challenge: (error?: string) => Readonly<Record<string, string>>;
  /** Added to the message of a 401. */
  readonly hint?: string;
  /** Tells what is open when its credential expires or is withdrawn. */
  readonly standings: Pick<Standings, 'watcher'>;
  /** Counts failed attempts per address. */
  readonly failures: RateLimiter;
  /** The caller of every request when authentication is off; credentials are then ignored. */
  readonly anonymous?: Caller;
}

/** Identifies the caller, or refuses. */
export function authenticate(options: AuthenticateOptions): RequestHandler {
  return async function authenticate(req, _res, next) {
    req.caller = options.anonymous ?? (await identify(req, options));
    const { rawHeaders, caller } = req; // all that is kept of a request by what outlives it
    const proveAgain = () => prove({ rawHeaders }, options);
    req.watchCredential = options.anonymous ? () => () => {} : options.standings.watcher(caller, proveAgain);
    req.audit.note({ caller: req.caller });
    next();
  };
}

async function identify(req: Request, options: AuthenticateOptions): Promise<Caller> {
  try {
    const caller = await prove(req, options);
    await options.requirePossession?.(provenRequest(req), options.readCredential(req), caller);
    return caller;
  } catch (error) {
    if (!(error instanceof RefusedRequest) || error.status !== 401) throw error;
    const isMissing = error.code === 'credentials_missing';
    if (!isMissing) await countFailure(req, options.failures, error);
    const headers = { ...options.challenge(isMissing ? undefined : 'invalid_token'), ...error.headers };
    const message = options.hint === undefined ? error.message : `${error.message}: ${options.hint}`;
    throw new RefusedRequest(error.code, { ...error.options, message, headers });
  }
}

function provenRequest({ rawHeaders, method, socket, originalUrl }: Request) {
  return { rawHeaders, method, socket, path: requestPath(originalUrl) };
}

async function prove(
  req: Pick<Request, 'rawHeaders'>,
  { readCredential, verifiers }: AuthenticateOptions,
): Promise<Caller> {
  const credential = readCredential(req);
  const verifier = verifiers.find((each) => each.accepts(credential));
  if (verifier) return verifier.verify(credential);
  throw new RefusedRequest('credentials_invalid', { detail: { reason: 'kind_not_accepted' } });
}

/** Slows guessing. Only failures are counted and limited, so nobody can lock out a caller with a good key. */
async function countFailure(req: Request, failures: RateLimiter, error: RefusedRequest): Promise<void> {
  const { allowed, resetMs } = await failures.consume(addressKey(req.clientAddress));
  if (allowed) return;
  throw new RefusedRequest('rate_limited', {
    detail: { ...error.detail, limit: 'auth_failures' },
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(resetMs / 1000))) },
  });
}
