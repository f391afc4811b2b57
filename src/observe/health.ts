import { setTimeout as delay } from 'node:timers/promises';

/** `true` when the part can do its work now. */
export type HealthCheck = () => boolean | Promise<boolean>;

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, 'ok' | 'failing'>>;
}

/** A check that does not answer must not keep the probe waiting: a kubelet gives up after a second by default. */
const CHECK_TIMEOUT_MS = 800;

/** Runs all checks at once. One that throws or hangs is failing. */
export async function readiness(checks: Readonly<Record<string, HealthCheck>>): Promise<Readiness> {
  const results = await Promise.all(
    Object.entries(checks).map(
      async ([name, check]) => [name, (await passes(check)) ? 'ok' : 'failing'] as const,
    ),
  );
  return { ready: results.every(([, state]) => state === 'ok'), checks: Object.fromEntries(results) };
}

async function passes(check: HealthCheck): Promise<boolean> {
  const stop = new AbortController();
  const timeout = delay(CHECK_TIMEOUT_MS, false, { signal: stop.signal });
  try {
    return await Promise.race([check(), timeout]);
  } catch {
    return false;
  } finally {
    timeout.catch(() => {}); // aborted
    stop.abort();
  }
}
