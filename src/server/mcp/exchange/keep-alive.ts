/** One timer for every open stream: a comment now and then keeps proxies from cutting an idle stream. */
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
  ping(): void;
  /** What its reader has not taken yet. */
  readonly bufferedBytes: number;
}

/** @param intervalMs `STREAM_KEEPALIVE_MS` */
export function createKeepAlive(intervalMs: number): KeepAlive {
  const streams = new Set<KeptAlive>();
  const timer = setInterval(() => {
    for (const stream of streams) stream.ping();
  }, intervalMs);
  timer.unref();
  return {
    add: (stream) => void streams.add(stream),
    remove: (stream) => void streams.delete(stream),
    size: () => streams.size,
    bufferedBytes: () => [...streams].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0),
    close: () => clearInterval(timer),
  };
}
