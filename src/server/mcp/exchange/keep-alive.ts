/**
 * Timers for all open streams: a comment now and then keeps proxies from cutting an idle stream, and on a clock of
 * their own they ask whether they may stay open.
 */
export interface KeepAlive {
  add(stream: KeptAlive): void;
  remove(stream: KeptAlive): void;
  /** Streams open now. */
  size(): number;
  /** Of all of them together, for metrics. */
  bufferedBytes(): number;
  close(): void;
}

export interface KeptAlive {
  ping?(): void;
  /** Ends what is open if it may stay no longer: its caller's credential was revoked, or its session ended. */
  recheck(): void;
  /** What its reader has not taken yet. */
  readonly bufferedBytes: number;
}

/** Fits three times into the 60 s that a revoked credential may live on; verifiers cache up to 30 s of them. */
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
