export type Clock = ReturnType<typeof startClock>;

/** A clock that stops while at least one `ask` waits for its answer. */
export function startClock(timeoutMs: number, onExpired: () => void) {
  let remainingMs = timeoutMs;
  let startedAt = 0;
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;

  const go = () => {
    startedAt = performance.now();
    timer = setTimeout(onExpired, Math.max(0, remainingMs));
  };
  const pause = () => {
    clearTimeout(timer);
    remainingMs -= performance.now() - startedAt;
  };
  go();
  return {
    async pausedWhile<T>(wait: () => Promise<T>): Promise<T> {
      if (waiting++ === 0) pause();
      try {
        return await wait();
      } finally {
        if (--waiting === 0) go();
      }
    },
    /** For good: an `ask` that is answered later does not restart it. */
    stop() {
      clearTimeout(timer);
      waiting = Number.POSITIVE_INFINITY;
    },
  };
}
