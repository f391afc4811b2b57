/**
 * Two timers for all open streams. One sends comments, so that proxies do not cut an idle stream. The other checks whether
 * each stream may stay open.
 */
export interface KeepAlive {
  add(stream: KeptAlive): void;
  remove(stream: KeptAlive): void;
  /** Streams open now. */
  size(): number;
  /** Total of all streams, for metrics. */
  bufferedBytes(): number;
  close(): void;
}

export interface KeptAlive {
  ping?(): void;
  /** Ends the stream if its caller's credential was revoked or its session has ended. */
  recheck(): void;
  /** Bytes that its reader has not taken yet. */
  readonly bufferedBytes: number;
}

/** A revoked credential must lose its streams within 60 s, and verifiers may cache it for up to 30 s of them. */
const MAX_RECHECK_MS = 20_000;

/** @param intervalMs `STREAM_KEEPALIVE_MS` */
export function createKeepAlive(intervalMs: number): KeepAlive {
  const streams = new Set<KeptAlive>();
  const timer = setInterval(() => {
    for (const stream of streams) stream.ping?.();
  }, intervalMs);
  timer.unref();
  const recheckTimer = setInterval(
    () => {
      for (const stream of streams) stream.recheck();
    },
    Math.min(intervalMs, MAX_RECHECK_MS),
  );
  recheckTimer.unref();
  return {
    add: (stream) => void streams.add(stream),
    remove: (stream) => void streams.delete(stream),
    size: () => streams.size,
    bufferedBytes: () => [...streams].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0),
    close: () => {
      clearInterval(timer);
      clearInterval(recheckTimer);
    },
  };
}
