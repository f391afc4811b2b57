import { setTimeout as delay } from 'node:timers/promises';

/** Lets real time pass where passing time is the very thing under test. */
export async function after(ms: number): Promise<void> {
  await delay(ms);
}
