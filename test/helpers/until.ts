import { setTimeout as delay } from 'node:timers/promises';

/** Waits for what nobody announces, such as a retry. */
export async function until(holds: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('did not come true in time');
    await delay(20);
  }
}
