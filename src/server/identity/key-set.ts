/**
 * The public keys of one issuer, fetched over the network within bounds.
 * (jose's own remote key set has no pause after a failure: each request would knock on an issuer that is down.)
 */
import { createLocalJWKSet, errors, type JWSHeaderParameters } from 'jose';
import { RefusedRequest } from '../refusal.js';
import { describe, fetchKeySet, isFetchable } from './fetch-keys.js';
import { usableKeys } from './usable-keys.js';
import type { IdentityLog } from './verifier.js';

/** One refresh, discovery included. */
const FETCH_TIMEOUT_MS = 5_000;
/** After a refresh, good or bad, the issuer is left alone for so long: an unknown `kid` costs an attacker nothing. */
const COOL_DOWN_MS = 30_000;
/** A key the issuer withdrew is refused after so long. */
const MAX_AGE_MS = 10 * 60_000;
/** While the issuer is away its last keys serve for so long. */
const MAX_STALE_MS = 60 * 60_000;

type LocalKeySet = ReturnType<typeof createLocalJWKSet>;

/** @param jwksUrl instead of discovery */
export function keySet(issuer: string, jwksUrl: URL | undefined, now: () => number, logger?: IdentityLog) {
  const source = jwksUrl ?? new URL(issuer);
  if (!isFetchable(source, true)) {
    throw new TypeError(`${source.href} must be https (http only on loopback), without user or password`);
  }
  const closing = new AbortController();
  let keys: LocalKeySet | undefined;
  let fetchedAt = 0;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let away = false;
  let pending: Promise<void> | undefined;

  // The absolute value: a clock set back must not keep old keys alive.
  const since = (time: number) => Math.abs(now() - time);

  async function fetchKeys(): Promise<void> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
    try {
      keys = createLocalJWKSet(usableKeys(await fetchKeySet(issuer, jwksUrl, signal)));
      fetchedAt = now();
      away = false;
    } catch (error) {
      away = true;
      logger?.warn({ issuer, problem: describe(error) }, 'the keys of an issuer could not be fetched');
    }
    attemptedAt = now();
    pending = undefined;
  }

  /** Joins the refresh under way or starts one, unless the last was just now. */
  async function refresh(): Promise<void> {
    if (pending === undefined && since(attemptedAt) < COOL_DOWN_MS) return;
    pending ??= fetchKeys();
    await pending;
  }

  async function currentKeys(): Promise<LocalKeySet> {
    if (keys && since(fetchedAt) < MAX_AGE_MS) return keys;
    await refresh();
    if (keys && since(fetchedAt) < MAX_AGE_MS + MAX_STALE_MS) return keys;
    throw unavailable();
  }

  function unavailable(): RefusedRequest {
    const waitMs = Math.max(COOL_DOWN_MS - since(attemptedAt), 1000);
    return new RefusedRequest('issuer_unavailable', {
      detail: { issuer },
      headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
    });
  }

  return {
    /**
     * The key for a token's header.
     * @throws {JWKSMultipleMatchingKeys} when several fit
     * @throws {RefusedRequest} `issuer_unavailable` when nobody can tell now
     */
    async key(header?: JWSHeaderParameters): ReturnType<LocalKeySet> {
      try {
        return await (await currentKeys())(header);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
      await refresh();
      try {
        return await (await currentKeys())(header);
      } catch (error) {
        // The issuer may have changed its keys since we last reached it: nobody can say that this one is wrong.
        throw away && error instanceof errors.JWKSNoMatchingKey ? unavailable() : error;
      }
    },
    close: () => closing.abort(),
  };
}
