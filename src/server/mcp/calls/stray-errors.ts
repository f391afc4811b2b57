/** Finds the call that an uncaught error belongs to, such as a throw in a timer or an unhandled rejection. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Set in everything that a definition starts, even after its call has ended. */
const ofCall = new AsyncLocalStorage<(error: unknown) => void>();

/** Runs a definition; `onStray` gets its uncaught errors. */
export function followed<T>(onStray: (error: unknown) => void, run: () => T): T {
  return ofCall.run(onStray, run);
}

/** For the process's handlers of uncaught errors. @returns whether a call has taken the error */
export function giveToCall(error: unknown): boolean {
  const onStray = ofCall.getStore();
  onStray?.(error);
  return onStray !== undefined;
}
