/**
 * What the template asks of a store. Every implementation passes the same contract suite (`test/server/stores/`).
 * A store that cannot answer throws {@link StoreUnavailable}; it never guesses.
 */
import { RefusedRequest } from '../refusal.js';
import type { KeptValues } from './kept-values.js';
import type { EventLog } from './event-log.js';
import type { TaskStore } from './task-store.js';

/** A refusal, so that neither era answers it as a bug or as a result of the call. `reason` is for audit and log. */
export class StoreUnavailable extends RefusedRequest {
  constructor(
    readonly reason: string,
    { cause }: ErrorOptions = {},
  ) {
    super('store_unavailable', { detail: { reason }, headers: { 'Retry-After': '5' } });
    this.cause = cause;
  }
}

/** Points per window, from `RATE_LIMIT_*`. */
export interface RateLimit {
  readonly points: number;
  readonly windowMs: number;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Points per window. */
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until the window ends. */
  readonly resetMs: number;
}

/** Counts points per key in fixed windows. */
export interface RateLimiter {
  /** Takes `points` from `key`. Refused points do not prolong the window: a limited key stays limited until `resetMs`. */
  consume(key: string, points?: number): Promise<RateDecision>;
}

export interface RateLimitStore {
  /** @param name namespace of the keys, e.g. `ip`; one limiter per name. */
  limiter(name: string, limit: RateLimit): RateLimiter;
  close(): Promise<void>;
}

/** A session (revisions up to 2025-11-25) is this record and nothing else; it owns no engine and no socket. */
export interface SessionRecord {
  /** 256 random bits, base64url (MCP 2025-11-25, transports, session management: visible ASCII, unguessable). */
  readonly id: string;
  /** `callerKey` of the one caller who may use it. */
  readonly owner: string;
  readonly protocolVersion: string;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly clientCapabilities: Readonly<Record<string, unknown>>;
  /** Minimum level set by `logging/setLevel`; absent means every level. */
  readonly logLevel?: string;
  /** URIs the client subscribed to by `resources/subscribe`. */
  readonly subscriptions: readonly string[];
  /** The newest GET stream, which alone is told of changes; absent until the client opens its first one. */
  readonly changesTo?: string;
}

export type SessionChange = Partial<Pick<SessionRecord, 'logLevel' | 'subscriptions' | 'changesTo'>>;

/** A session with an open stream or call is kept more often than this (`exchange/keep-alive.ts`). */
export const IN_USE_MS = 60_000;

/** Whether a session was created, and which one ended to make room. */
export type Created =
  | { readonly created: true; readonly ended?: string }
  | { readonly created: false; readonly retryAfterMs: number };

export interface SessionStore {
  /**
   * Stores the record. When the owner already has `maxPerOwner` live sessions, the least recently used one makes room,
   * unless it was used or kept within {@link IN_USE_MS}.
   */
  create(record: SessionRecord, maxPerOwner: number): Promise<Created>;
  /**
   * The live record, if it is of this owner; its idle time starts anew. `undefined` when the session is unknown, has ended or
   * belongs to another owner: then nothing of it changes.
   */
  get(id: string, owner: string): Promise<SessionRecord | undefined>;
  /** The live record; its idle time goes on. */
  peek(id: string): Promise<SessionRecord | undefined>;
  /** Starts the idle time of a session anew; `false` when there is no such session. */
  keep(id: string): Promise<boolean>;
  /** Changes a live record; `false` when there is no such session. */
  update(id: string, change: SessionChange): Promise<boolean>;
  /** Ends a session; `false` when there was no such session. */
  delete(id: string): Promise<boolean>;
  /**
   * Calls `onChange` whenever the record changes or ends, on whichever replica: then {@link peek} says what it is now. For
   * sessions that have something open here.
   */
  follow(id: string, onChange: () => void): Subscription;
  /**
   * Calls `listener` with the id of every session that this process ends, and of those it served that idled out. Returns
   * the way to stop.
   */
  onEnd(listener: (id: string) => void): () => void;
  /** Number of live sessions, for metrics. */
  count(): Promise<number>;
  close(): Promise<void>;
}

/** A change that clients can subscribe to (`list_changed`, `resources/updated`). */
export type Change =
  | { readonly kind: 'tools' | 'prompts' | 'resources' }
  | { readonly kind: 'resource'; readonly uri: string };

/** Carries messages within this process. */
export interface Bus<T> {
  publish(message: T): void;
  subscribe(listener: (message: T) => void): () => void;
  close(): Promise<void>;
}

export interface Subscription {
  /** Resolves once nothing is missed any more; also when the store is away. */
  readonly listening: Promise<void>;
  stop(): void;
}

/** Carries each change to the replicas that have a stream for it, and keeps none. */
export interface ChangeBus {
  publish(change: Change): void;
  /** Calls `listener` with each of the `wanted` changes. */
  subscribe(wanted: readonly Change[], listener: (change: Change) => void): Subscription;
  /** Those of `changes` that were published within the last moment: who subscribes a little late may have missed them. */
  recent(changes: readonly Change[]): Promise<readonly Change[]>;
  /** Calls `listener` when changes may have been lost: then everything may have changed. Returns the way to stop. */
  onMissed(listener: () => void): () => void;
  close(): Promise<void>;
}

/** A client's answer to a question, or its cancellation of a call: another replica may run that call. */
export interface ClientReply {
  readonly sessionId: string;
  /** Of its sender. */
  readonly scopes: readonly string[];
  /** JSON-RPC. */
  readonly message: object;
}

/** Carries replies to the replicas that run a call of their session. */
export interface ClientReplies {
  /** @throws {StoreUnavailable} when it cannot reach the other replicas */
  publish(reply: ClientReply): Promise<void>;
  /** Gives `listener` the replies to a session, the last second's too. Returns the way to stop. */
  subscribe(sessionId: string, listener: (reply: ClientReply) => void): () => void;
  close(): Promise<void>;
}

/** Counts the streams that an owner has open on all replicas; those of a dead process do not count. */
export interface StreamSlots {
  /** Takes one of `most` slots. Returns the way to give it back; `undefined` when all are taken. */
  take(owner: string, most: number): Promise<(() => void) | undefined>;
  close(): Promise<void>;
}

/** Remembers values that may be used only once. */
export interface UsedOnce {
  /** Marks `key` as used for `ttlMs`; `false` when it is used already. */
  take(key: string, ttlMs: number): Promise<boolean>;
  /** Makes it usable again. */
  release(key: string): Promise<void>;
  close(): Promise<void>;
}

/** Everything the server keeps between requests. */
export interface Stores {
  readonly rateLimits: RateLimitStore;
  readonly sessions: SessionStore;
  readonly changes: ChangeBus;
  readonly clientReplies: ClientReplies;
  readonly usedOnce: UsedOnce;
  readonly streamSlots: StreamSlots;
  readonly events: EventLog;
  readonly tasks: TaskStore;
  readonly keptValues: KeptValues;
  /** Whether the backing store answers now; shown by `/readyz`. */
  healthy(): boolean;
  close(): Promise<void>;
}
