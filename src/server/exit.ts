/** Ends the process on a signal or an uncaught error. */
import { EXIT_FAILURE } from './command-line.js';
import { giveToCall } from './mcp/calls/stray-errors.js';
import type { Logger } from './observe/logger.js';

/**
 * The first signal drains; a second one exits at once. An uncaught error that belongs to no call drains as well: the state
 * of the process is unknown after it, so the platform must start a clean one.
 *
 * @param drain must settle in bounded time
 * @returns a function that drains, then exits; once a non-zero code was given, it stays
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
