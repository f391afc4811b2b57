/**
 * What the template asks of a store. Every implementation passes the same contract suite (`test/server/stores/`).
 * A store that cannot answer throws {@link StoreUnavailable}; it never guesses.
 */
import { RefusedRequest } from '../refusal.js';
import type { KeptValues } from './kept-values.js';
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
  /** Calls `listener` with the id of every session that ends, deleted or idle for too long. Returns the way to stop. */
  onEnd(listener: (id: string) => void): () => void;
  /** Number of live sessions, for metrics. */
  count(): Promise<number>;
  close(): Promise<void>;
}

/** A change that clients can subscribe to (`list_changed`, `resources/updated`). */
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

/** A client's answer to a question, or its cancellation of a call: another replica may run that call. */
export interface ClientReply {
  readonly sessionId: string;
  /** Of its sender. */
  readonly scopes: readonly string[];
  /** JSON-RPC. */
  readonly message: object;
}

export interface ClientReplies extends Omit<Bus<ClientReply>, 'publish'> {
  /** @throws {StoreUnavailable} when it cannot reach the other replicas */
  publish(reply: ClientReply): Promise<void>;
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

/** One message of the server's in the log of its stream. */
export interface LoggedEvent {
  /** Goes to the client and comes back as `Last-Event-ID`; cannot be guessed. */
  readonly id: string;
  /** A JSON-RPC message; empty for the event that begins a stream. */
  readonly data: string;
}

export interface EventReader {
  onEvent(event: LoggedEvent): void;
  /** Called once, when nothing more will come. With an error the stream goes on, but cannot be read any further. */
  onEnd(error?: unknown): void;
}

/** The stream of a call, for the process that runs it. */
export interface EventStream {
  /** Adds an event, in the order of the calls. Its id; `undefined` once the stream is over. */
  append(data: string): Promise<string | undefined>;
  /** Adds the final event. The stream can still be read for a while. */
  end(data: string): Promise<void>;
  /** Forgets the stream and ends its reader. */
  drop(): Promise<void>;
  /** Stops the reader given with this stream; events are still kept. */
  stop(): void;
}

export type StreamOwner = Pick<SessionRecord, 'id' | 'owner'>;

/** A new stream, and the scopes that its call and its readers need. */
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
  /** The scopes of the stream in which the event `id` was sent; `undefined` when {@link resume} would find none. */
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
