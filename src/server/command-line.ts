export const EXIT_FAILURE = 1;
/** A wrong argument. */
export const EXIT_USAGE = 64; // sysexits.h EX_USAGE
/** A bad configuration: a restart fails again until somebody corrects it. */
export const EXIT_CONFIG = 78; // sysexits.h EX_CONFIG

/**
 * Answers `--help` and refuses every other argument: an ignored one would look like a setting that took effect.
 *
 * @param exitCode of a refusal
 */
export function takeNoArguments(usage: string, exitCode = EXIT_CONFIG): void {
  const given = process.argv.slice(2);
  if (given.length === 0) return;
  if (given.length === 1 && given[0] === '--help') {
    process.stdout.write(usage);
    process.exit(0);
  }
  process.stderr.write(`The only argument is --help.\n\n${usage}`);
  process.exit(exitCode);
}

/**
 * On SIGUSR1 Node opens its inspector on 127.0.0.1:9229, where anything on loopback (a sidecar) could run code in this
 * process. A listener for the signal replaces that default; the image also starts with `--disable-sigusr1`.
 */
export function ignoreInspectorSignal(): void {
  process.on('SIGUSR1', () => {});
}
