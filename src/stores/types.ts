/**
 * What the template asks of a store. Every implementation passes the same contract suite (`test/stores/`).
 * A store that cannot answer throws {@link StoreUnavailable}; it never invents an answer.
 */

export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** Points per window, as written in `RATE_LIMIT_*`. */
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
  /** Takes `points` from `key`. Refused points are not taken twice: a limited key stays limited until `resetMs`. */
  consume(key: string, points?: number): Promise<RateDecision>;
}

export interface RateLimitStore {
  /** @param name namespace of the keys, e.g. `ip`; one limiter per name. */
  limiter(name: string, limit: RateLimit): RateLimiter;
  close(): Promise<void>;
}

/** A session (revisions up to 2025-11-25) is this record and nothing else: no engine or socket belongs to it. */
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
}

export interface SessionStore {
  /** Stores the record, or answers `too_many` when the owner already has `maxPerOwner` live sessions. */
  create(record: SessionRecord, maxPerOwner: number): Promise<'created' | 'too_many'>;
  /** The live record, its idle time started anew; `undefined` when unknown, ended or idle for too long. */
  get(id: string): Promise<SessionRecord | undefined>;
  /** Changes a live record; `false` when there is none. */
  update(id: string, change: Partial<Pick<SessionRecord, 'logLevel' | 'subscriptions'>>): Promise<boolean>;
  /** Ends a session; `false` when there was none. */
  delete(id: string): Promise<boolean>;
  /** Calls `listener` with the id of every session that ends, by `delete` or by idling. Returns the way to stop. */
  onEnd(listener: (id: string) => void): () => void;
  /** Number of live sessions, for metrics. */
  count(): Promise<number>;
  close(): Promise<void>;
}

/** Something a client may have asked to be told about (`list_changed`, `resources/updated`). */
export type Change =
  | { readonly kind: 'tools' | 'prompts' | 'resources' }
  | { readonly kind: 'resource'; readonly uri: string };

/** Carries changes to every open stream. */
export interface ChangeBus {
  publish(change: Change): void;
  subscribe(listener: (change: Change) => void): () => void;
  close(): Promise<void>;
}

/** Everything the server keeps between requests. */
export interface Stores {
  readonly rateLimits: RateLimitStore;
  readonly sessions: SessionStore;
  readonly changes: ChangeBus;
  /** Whether the backing store answers now; shown by `/readyz`. */
  healthy(): boolean;
  close(): Promise<void>;
}
