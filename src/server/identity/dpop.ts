/**
 * DPoP (RFC 9449): a token that its issuer bound to a client's key is worth nothing to a thief who lacks that key.
 *
 * 1. The verifier has proven the token; `caller.boundTo` is the thumbprint in its `cnf` claim.
 * 2. The scheme has to fit: `DPoP` for a bound token, `Bearer` for any other (§7.1, §7.2).
 * 3. The proof is a JWT, signed by the key in its own header, for this method, this URL and this token (§4.3).
 * 4. Its age is that of `iat`, or of a nonce of ours: a client whose clock is wrong is asked for a nonce (§9).
 * 5. Its `jti` is remembered, on all replicas, for as long as the proof could be used again (§11.1).
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { headerLines } from '../raw-headers.js';
import { RefusedRequest } from '../refusal.js';
import type { UsedOnce } from '../stores/types.js';
import type { Caller } from './caller.js';
import type { Challenge } from './challenge.js';
import type { DpopNonces } from './dpop-nonces.js';
import { joseReason } from './jose-reason.js';
import { credentialsInvalid } from './verifier.js';

export interface DpopOptions {
  /** Whether a token that is bound to no key is refused. */
  readonly isRequired: boolean;
  /** What clients write, and proofs name: never what a request says of itself. */
  readonly publicUrl: URL;
  readonly usedOnce: UsedOnce;
  readonly nonces: DpopNonces;
  readonly challenge: Challenge;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** A request, as far as it shows who has sent it. */
export interface ProvenRequest extends Pick<IncomingMessage, 'rawHeaders' | 'method' | 'socket'> {
  /** Without the query. */
  readonly path: string;
}

/**
 * Refuses a caller who does not show that the token is its own.
 *
 * @throws {RefusedRequest} `credentials_invalid`; `credentials_missing` where only a nonce is missing;
 *   `store_unavailable` when nobody can tell whether the proof was used before
 */
export type RequirePossession = (request: ProvenRequest, token: string, caller: Caller) => Promise<void>;

/** What this server verifies proofs with; the first is what every client can sign with. */
export const PROOF_ALGORITHMS = ['ES256', 'EdDSA', 'PS256', 'RS256'];
/** Seconds for which a proof may be used, and by which a client's clock may be wrong. */
const PROOF_LIFETIME_S = 60;

export function requirePossession(options: DpopOptions): RequirePossession {
  const { isRequired, publicUrl, usedOnce, nonces, challenge, now = Date.now } = options;

  const refused = (reason: string) => credentialsInvalid(reason, {}, challenge('invalid_dpop_proof'));

  /** When the proof was made, in seconds since the epoch: by its own word, or by the nonce that it carries. */
  function madeAt({ iat, nonce }: Claims): number {
    const nowS = now() / 1000;
    const time = nonce === undefined ? iat : nonces.madeAt(nonce);
    const isFresh = (second: number) => Math.abs(nowS - second) < PROOF_LIFETIME_S;
    if (time !== undefined && isFresh(time)) return time;
    // Not a failed attempt: the token and the signature are good.
    throw new RefusedRequest('credentials_missing', {
      detail: { reason: 'dpop_nonce' },
      message: 'Sign the DPoP proof again, with the nonce of this answer',
      headers: { ...challenge('use_dpop_nonce'), 'DPoP-Nonce': nonces.make(nowS) },
    });
  }

  async function requireUnused({ jti }: Claims, thumbprint: string, endsAtS: number): Promise<void> {
    const ttlMs = Math.ceil(endsAtS * 1000 - now()) + 1000; // Redis may count a little faster
    if (!(await usedOnce.take(`dpop:${thumbprint}:${digestOf(jti)}`, ttlMs))) throw refused('dpop_reused');
  }

  return async function requirePossession({ rawHeaders, method, path }, token, caller) {
    const proofs = headerLines(rawHeaders, 'dpop');
    const isDpop = /^DPoP /i.test(headerLines(rawHeaders, 'authorization')[0] ?? '');
    if (caller.boundTo === undefined) {
      const mustBeBound = isRequired && caller.method !== 'api-key';
      if (mustBeBound || isDpop || proofs.length > 0) throw credentialsInvalid('dpop_token_not_bound');
      return;
    }
    if (!isDpop) throw credentialsInvalid('dpop_scheme');
    const [proof, second] = proofs;
    if (proof === undefined || second !== undefined) throw refused('dpop_not_one_proof');

    const { claims, thumbprint } = await read(proof, new Date(now())).catch((error: unknown) => {
      throw refused(`dpop_${joseReason(error)}`);
    });
    if (thumbprint !== caller.boundTo) throw refused('dpop_key');
    if (claims.ath !== digestOf(token)) throw refused('dpop_token');
    if (claims.htm !== method) throw refused('dpop_method');
    if (withoutQuery(claims.htu) !== new URL(path, publicUrl).href) throw refused('dpop_url');
    await requireUnused(claims, thumbprint, madeAt(claims) + PROOF_LIFETIME_S);
  };
}

/** Where nobody checks proofs: a thief of the token could use it like any other. */
export const refuseBound: RequirePossession = async (_request, _token, { boundTo }) => {
  if (boundTo !== undefined) throw credentialsInvalid('dpop_off');
};

interface Claims {
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  /** Seconds since the epoch, by the client's clock. */
  readonly iat: number;
  /** SHA-256 of the token, base64url. */
  readonly ath: string;
  readonly nonce?: string;
}

/** The claims of a proof, and the thumbprint (RFC 7638) of the key in its header, which signed it. */
async function read(proof: string, currentDate: Date) {
  const { payload, protectedHeader } = await jwtVerify<Claims>(proof, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: PROOF_ALGORITHMS,
    currentDate,
  });
  if (!isWhole(payload)) throw new TypeError('a claim is missing, or of another type');
  return { claims: payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk ?? {}) };
}

/** Of the right types: the claims are the client's until here. */
function isWhole({ jti, htm, htu, iat, ath, nonce }: Partial<Record<keyof Claims, unknown>>): boolean {
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const isOptionalText = nonce === undefined || isText(nonce);
  return [jti, htm, htu, ath].every(isText) && isOptionalText && Number.isSafeInteger(iat);
}

/** §4.3: without query and fragment, in the form that a URL parser gives it (RFC 3986 §6.2). */
function withoutQuery(htu: string): string | undefined {
  if (!URL.canParse(htu)) return undefined;
  const url = new URL(htu);
  url.search = '';
  url.hash = '';
  return url.href;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
