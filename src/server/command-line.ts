export const EXIT_FAILURE = 1;
/** A wrong argument. */
export const EXIT_USAGE = 64; // sysexits.h EX_USAGE
/** A bad configuration: to start again changes nothing until somebody corrects it. */
export const EXIT_CONFIG = 78; // sysexits.h EX_CONFIG

/**
 * Answers `--help`, and refuses every other argument before anything is done: it would look like a setting and be none.
 *
 * @param exitCode after a refusal; by default that of a bad configuration
 */
export function takeNoArguments(usage: string, exitCode = EXIT_CONFIG): void {
  const given = process.argv.slice(2);
  if (given.length === 0) return;
  if (given.length === 1 && given[0] === '--help') {
    process.stdout.write(usage);
    process.exit(0);
  }
  process.stderr.write(`Takes no arguments but --help.\n\n${usage}`);
  process.exit(exitCode);
}

/**
 * Node opens its inspector on 127.0.0.1:9229 for SIGUSR1, and whoever reaches loopback (a sidecar) then runs code here.
 * A listener takes the signal away from Node; the image also starts with `--disable-sigusr1`.
 */
export function ignoreInspectorSignal(): void {
  process.on('SIGUSR1', () => {});
}
