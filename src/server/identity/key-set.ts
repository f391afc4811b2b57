/**
 * The public keys of one issuer, fetched over the network within bounds. jose's own remote key set has no pause after a
 * failure: every request would call an issuer that is down.
 */
import { createLocalJWKSet, errors, type JWSHeaderParameters } from 'jose';
import { RefusedRequest } from '../refusal.js';
import { describe, fetchKeySet, isFetchable } from './fetch-keys.js';
import { usableKeys } from './usable-keys.js';
import type { IdentityLog } from './verifier.js';

/** Of one refresh, including discovery. */
const FETCH_TIMEOUT_MS = 5_000;
/** Pause between refreshes: an attacker can send unknown `kid`s for free, and each asks for a refresh. */
const COOL_DOWN_MS = 30_000;
/** Maximum age of cached keys, so the longest that a withdrawn key is accepted. */
const MAX_AGE_MS = 10 * 60_000;
/** How much longer the last keys serve while the issuer is unreachable. */
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

  // The absolute value, so that a clock set back does not keep old keys alive.
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

  /** Joins the running refresh or starts one, unless the last one ended within the pause. */
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
     * @throws {JWKSMultipleMatchingKeys} when several match
     * @throws {RefusedRequest} `issuer_unavailable` when the current keys are unknown
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
        // The issuer may have a new key that we could not fetch, so the token is not proven wrong.
        throw away && error instanceof errors.JWKSNoMatchingKey ? unavailable() : error;
      }
    },
    close: () => closing.abort(),
  };
}
