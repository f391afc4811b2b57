/** The streams of calls, which a client may resume. */

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

/** The session of a stream. */
export interface StreamOwner {
  readonly id: string;
  readonly owner: string;
}

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
