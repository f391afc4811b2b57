/**
 * Two timers for all that is open. One sends comments, so that proxies do not cut an idle stream. The other keeps the sessions
 * that have something open.
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
  /** Keeps the sessions from idling, and ends what has lost its session. */
  recheck?(): void;
  /** Bytes that its reader has not taken yet. */
  readonly bufferedBytes: number;
}

/** A stream must not outlive its session for long, where nobody told of its end. */
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
      for (const stream of streams) stream.recheck?.();
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
