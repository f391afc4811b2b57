/** Errors that nobody awaits (a throw in a timer, a promise left alone) and the call whose definition made them. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Follows what a definition starts, also after its call has ended; the rest of the process runs outside. */
const ofCall = new AsyncLocalStorage<(error: unknown) => void>();

/** Runs a definition; `onStray` gets what it throws where nobody catches. */
export function followed<T>(onStray: (error: unknown) => void, run: () => T): T {
  return ofCall.run(onStray, run);
}

/** For the process's own handlers. @returns whether an error that nobody caught belongs to a call, which then has it */
export function giveToCall(error: unknown): boolean {
  const onStray = ofCall.getStore();
  onStray?.(error);
  return onStray !== undefined;
}
