/** One timer for every open stream: a comment now and then keeps proxies from cutting an idle stream. */
export interface KeepAlive {
  /** @param bufferedBytes of the stream: what its reader has not taken yet */
  add(ping: () => void, bufferedBytes?: () => number): void;
  remove(ping: () => void): void;
  /** Streams open now. */
  size(): number;
  /** Of all of them together, for metrics. */
  bufferedBytes(): number;
  close(): void;
}

/** @param intervalMs `STREAM_KEEPALIVE_MS` */
export function createKeepAlive(intervalMs: number): KeepAlive {
  const pings = new Map<() => void, () => number>();
  const timer = setInterval(() => {
    for (const ping of pings.keys()) ping();
  }, intervalMs);
  timer.unref();
  return {
    add: (ping, bufferedBytes = () => 0) => void pings.set(ping, bufferedBytes),
    remove: (ping) => void pings.delete(ping),
    size: () => pings.size,
    bufferedBytes: () => [...pings.values()].reduce((sum, bytes) => sum + bytes(), 0),
    close: () => clearInterval(timer),
  };
}
