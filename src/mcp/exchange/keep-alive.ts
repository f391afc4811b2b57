/** One timer for every open stream: a comment now and then keeps proxies from cutting an idle stream. */
export interface KeepAlive {
  add(ping: () => void): void;
  remove(ping: () => void): void;
  /** Streams open now. */
  size(): number;
  close(): void;
}

/** @param intervalMs `STREAM_KEEPALIVE_MS` */
export function createKeepAlive(intervalMs: number): KeepAlive {
  const pings = new Set<() => void>();
  const timer = setInterval(() => {
    for (const ping of pings) ping();
  }, intervalMs);
  timer.unref();
  return {
    add: (ping) => void pings.add(ping),
    remove: (ping) => void pings.delete(ping),
    size: () => pings.size,
    close: () => clearInterval(timer),
  };
}
