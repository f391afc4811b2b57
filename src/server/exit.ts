/** Turns signals and errors that nobody caught into the end of the process. */
import { EXIT_FAILURE } from './command-line.js';
import { giveToCall } from './mcp/calls/stray-errors.js';
import type { Logger } from './observe/logger.js';

/**
 * The first signal drains; a second one is somebody who does not want to wait. So does an error that belongs to no call:
 * after it little is known of the state, so nothing new is taken, and the platform starts a clean process.
 *
 * @param drain ends in bounded time, whatever fails
 * @returns drains, then exits; a failure is not taken back by a later success
 */
export function exitAfterDrain(logger: Logger, drain: () => Promise<void>): (code: number) => void {
  let exitCode = 0;
  let draining: Promise<void> | undefined;
  const end = (code: number) => {
    exitCode ||= code;
    draining ??= drain().then(
      () => process.exit(exitCode),
      (error: unknown) => {
        logger.fatal({ err: error }, 'shutdown failed');
        process.exit(EXIT_FAILURE);
      },
    );
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (draining) process.exit(EXIT_FAILURE);
    logger.info({ signal }, 'draining');
    end(0);
  };
  const onUncaught = (error: unknown) => {
    if (giveToCall(error)) return;
    logger.fatal({ err: error }, 'unexpected error');
    end(EXIT_FAILURE);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
  return end;
}
