/**
 * What the template asks of a store. Every implementation passes the same contract suite (`test/server/stores/`).
 * A store that cannot answer throws {@link StoreUnavailable}; it never invents an answer.
 */
import { RefusedRequest } from '../refusal.js';

/** A refusal wherever it surfaces, so that no era answers it as a bug or as a result. `reason` is for audit and log. */
export class StoreUnavailable extends RefusedRequest {
  constructor(
    readonly reason: string,
    { cause }: ErrorOptions = {},
  ) {
    super('store_unavailable', { detail: { reason }, headers: { 'Retry-After': '5' } });
    this.cause = cause;
  }
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
  /** The newest GET stream, which alone is told of changes; absent until the client opens its first one. */
  readonly changesTo?: string;
}

export type SessionChange = Partial<Pick<SessionRecord, 'logLevel' | 'subscriptions' | 'changesTo'>>;

/** What has a stream or a call open is kept more often than this (`exchange/keep-alive.ts`). */
export const IN_USE_MS = 60_000;

/** How a session was created: in an empty place, in that of another one, or not at all. */
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
   * The live record of this owner, its idle time started anew. `undefined` when it is unknown, ended, idle for too long or
   * of another owner, whose asking leaves no trace.
   */
  get(id: string, owner: string): Promise<SessionRecord | undefined>;
  /** The live record, whose idle time goes on. */
  peek(id: string): Promise<SessionRecord | undefined>;
  /** Starts the idle time of a session anew that has something open; `false` when there is none. */
  keep(id: string): Promise<boolean>;
  /** Changes a live record; `false` when there is none. */
  update(id: string, change: SessionChange): Promise<boolean>;
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

/** Carries messages to every replica, this one included. */
export interface Bus<T> {
  publish(message: T): void;
  subscribe(listener: (message: T) => void): () => void;
  close(): Promise<void>;
}

/** Carries changes to every open stream, and keeps none. */
export interface ChangeBus extends Bus<Change> {
  /** Calls `listener` when changes may have been lost: then everything may have changed. Returns the way to stop. */
  onMissed(listener: () => void): () => void;
}

/** A message of a client that concerns a call which another replica may run: an answer, a cancellation. */
export interface SessionMail {
  readonly sessionId: string;
  /** Of whoever sent it. */
  readonly scopes: readonly string[];
  /** JSON-RPC. */
  readonly message: object;
}

export interface MailBus extends Omit<Bus<SessionMail>, 'publish'> {
  /** Settles when it is on its way. @throws {StoreUnavailable} when only this replica could have it */
  publish(mail: SessionMail): Promise<void>;
}

/** Counts what an owner has open, on all replicas together; what a dead process had open does not count. */
export interface PlaceStore {
  /** Takes one of `most` places; the way to give it back, `undefined` when all are taken. */
  take(owner: string, most: number): Promise<(() => void) | undefined>;
  close(): Promise<void>;
}

/** Remembers what may happen once. */
export interface OnceStore {
  /** Takes `key` for `ttlMs`; `false` when it is taken already. */
  take(key: string, ttlMs: number): Promise<boolean>;
  /** Gives it back. */
  release(key: string): Promise<void>;
  close(): Promise<void>;
}

/** One message from the server, as its stream keeps it. */
export interface LoggedEvent {
  /** Goes to the client and comes back as `Last-Event-ID`; cannot be guessed. */
  readonly id: string;
  /** A JSON-RPC message; empty for the event that begins a stream. */
  readonly data: string;
}

export interface EventReader {
  onEvent(event: LoggedEvent): void;
  /** Called once, when nothing more will come. An error means that the stream has not ended, only its reading. */
  onEnd(error?: unknown): void;
}

/** The stream of a call, in the hands of whoever runs the call. */
export interface EventStream {
  /** Adds an event, in the order of the calls. Its id; `undefined` once the stream is over. */
  append(data: string): Promise<string | undefined>;
  /** Adds the final event. What it ended can still be read for a while. */
  end(data: string): Promise<void>;
  /** Forgets the stream and ends its reader. */
  drop(): Promise<void>;
  /** Stops the reader given with this stream; events are kept on. */
  stop(): void;
}

export type StreamOwner = Pick<SessionRecord, 'id' | 'owner'>;

/** A new stream, and the scopes that its call, and so whoever reads it, needs. */
export type NewStream = StreamOwner & { readonly scopes: readonly string[] };

/**
 * Keeps the events of calls, so that a client that lost its connection can read on (MCP 2025-11-25, transports,
 * resumability). Bounded in number, size and time. A stream has one reader: resuming it ends the one before.
 */
export interface EventLog {
  /**
   * Begins a stream, with an empty event that primes its client, and gives `reader` all of it.
   * @param lastWords final event of a call whose process dies before it has one
   */
  begin(session: NewStream, reader: EventReader, lastWords: string): Promise<EventStream>;
  /** The scopes of the stream in which the event `id` was sent; `undefined` where {@link resume} would answer so. */
  scopesOf(session: StreamOwner, id: string): Promise<readonly string[] | undefined>;
  /**
   * Gives `reader` what came after the event `id`, then what comes. Returns the way to stop it; `undefined`, alike, when
   * `id` is unknown, of another session or owner, or of events no longer kept without a gap.
   */
  resume(session: StreamOwner, id: string, reader: EventReader): Promise<(() => void) | undefined>;
  /** Forgets every stream of a session. */
  forget(sessionId: string): Promise<void>;
  close(): Promise<void>;
}

/** Everything the server keeps between requests. */
export interface Stores {
  readonly rateLimits: RateLimitStore;
  readonly sessions: SessionStore;
  readonly changes: ChangeBus;
  readonly mail: MailBus;
  readonly once: OnceStore;
  readonly places: PlaceStore;
  readonly events: EventLog;
  /** Whether the backing store answers now; shown by `/readyz`. */
  healthy(): boolean;
  close(): Promise<void>;
}
