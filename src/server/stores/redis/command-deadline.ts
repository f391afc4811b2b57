/**
 * How long one command may take. There is no budget for a whole request: one waits for at most ten commands in turn (a GET
 * that resumes a stream among them), which all end within two seconds, and the first that exceeds its deadline makes
 * Redis count as away, so that those behind it fail at once.
 */
const COMMAND_DEADLINE_MS = 200;
/** The deadline is counted in steps: a moment in which this process itself was busy costs one of them at most. */
const STEPS = 4;

/** A command had no answer in time. */
export class DeadlineExceeded extends Error {}

/** @throws {DeadlineExceeded} */
export async function withinDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const wait = (steps: number) => {
      if (steps === 0) reject(new DeadlineExceeded('no answer in time'));
      else timer = setTimeout(wait, COMMAND_DEADLINE_MS / STEPS, steps - 1);
    };
    wait(STEPS);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** To be used, or used again, Redis has to answer this fast: one that exceeds every other deadline stays away. */
export const BACK_WITHIN_MS = COMMAND_DEADLINE_MS / 2;
