/**
 * The state that the client sends back with its answers (MCP 2026-07-28, multi round-trip requests). Signed, not encrypted:
 * the client can read it. Until `open` succeeds, it is untrusted input.
 */
import { createHash, randomBytes } from 'node:crypto';
import { callerKey, type Caller } from '../../identity/caller.js';
import type { UsedOnce } from '../../stores/types.js';
import { INVALID_PARAMS, type Params, RpcError } from '../calls/call.js';
import { createSeal } from './engine.js';

export interface Answered {
  /** Digest of the question, so that an answer never counts for another question with the same key. */
  readonly question: string;
  readonly answer: unknown;
}

/** One round: its questions, and the answers to earlier ones. */
export interface Round {
  /** Names the round; unguessable and never repeated. */
  readonly nonce: string;
  /** Digest of the question by its key. */
  readonly asked: Readonly<Record<string, string>>;
  readonly answered: Readonly<Record<string, Answered>>;
  /** The keys of questions that were asked again after an invalid answer. */
  readonly askedAgain: readonly string[];
}

interface Sealed extends Round {
  /** Digest of the caller and the request. The state is valid for no other. */
  readonly purpose: string;
}

/** The state contains the client's answers, so its size needs a limit. */
const MAX_STATE_LENGTH = 256 * 1024;

export interface RequestStateOptions {
  /** `STATE_KEYS`, at least 32 bytes each: the first seals, all open. */
  readonly keys: readonly Uint8Array[];
  /** How long the client has for its answers, in seconds. */
  readonly ttlS: number;
  readonly usedOnce: UsedOnce;
}

export type RequestStates = ReturnType<typeof createRequestStates>;

export function createRequestStates({ keys, ttlS, usedOnce }: RequestStateOptions) {
  const seal = createSeal<Sealed>(keys, ttlS);
  return {
    async seal(purpose: string, round: Omit<Round, 'nonce'>): Promise<string> {
      const nonce = randomBytes(16).toString('base64url');
      const state = await seal.seal({ ...round, nonce, purpose });
      if (state.length > MAX_STATE_LENGTH) throw new RpcError(INVALID_PARAMS, 'The answers are too large');
      return state;
    },
    /** @throws {RpcError} `-32602`, the same for forged, expired and foreign state */
    async open(purpose: string, state: unknown): Promise<Round> {
      if (typeof state !== 'string' || state.length > MAX_STATE_LENGTH || !isCanonical(state))
        throw invalidState();
      const round = await seal.open(state).catch(() => undefined);
      if (round?.purpose !== purpose) throw invalidState();
      return round;
    },
    /** Marks a round as used, for all replicas. @throws {RpcError} `-32602` when it was used before */
    async begin({ nonce }: Round): Promise<void> {
      if (await usedOnce.take(`round:${nonce}`, ttlS * 1000)) return;
      const message = 'This requestState was already used: start again without it';
      throw new RpcError(INVALID_PARAMS, message, { reason: 'request_state_used' });
    },
    /** Makes a round usable again: it had no effect. */
    giveBack: ({ nonce }: Round) => usedOnce.release(`round:${nonce}`),
  };
}

/** `v1.payload.mac`. Decoders ignore unused bits, padding and white space: only one spelling is accepted. */
function isCanonical(state: string): boolean {
  const [, payload = '', mac = ''] = /^v1\.([\w-]+)\.([\w-]+)$/.exec(state) ?? [];
  return [payload, mac].every(
    (part) => Buffer.from(part, 'base64url').toString('base64url') === part && part,
  );
}

/** The caller, the method and the parameters, except those that differ from round to round. */
export function purposeOf(caller: Caller, method: string, params: Params): string {
  const { _meta, inputResponses: _, requestState: __, ...salient } = params;
  return digest([callerKey(caller), method, salient]);
}

/** Digest of the JSON with sorted keys: a client may reorder its parameters. */
export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortKeys)).digest('base64url');
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function invalidState(): RpcError {
  return new RpcError(INVALID_PARAMS, 'Invalid or expired requestState', { reason: 'invalid_request_state' });
}
