/** Closes the clone's connections. One that never closes must not keep the process from exiting. */
import { setTimeout as sleep } from 'node:timers/promises';

/** `close` gets at least this long, even when the calls used up the grace. */
const MIN_CLOSE_MS = 1000;

/**
 * @param graceMs the rest of `SHUTDOWN_GRACE_MS`
 * @throws what `close` throws, or an error when the grace is over
 */
export async function closeServices(
  services: { close(): Promise<void> } | undefined,
  graceMs: number,
): Promise<void> {
  const closed = new AbortController();
  const grace = sleep(Math.max(graceMs, MIN_CLOSE_MS), undefined, { signal: closed.signal }).then(
    () => Promise.reject(new Error('close() of src/services.ts did not end within SHUTDOWN_GRACE_MS')),
    () => {},
  );
  try {
    await Promise.race([services?.close(), grace]);
  } finally {
    closed.abort();
  }
}
