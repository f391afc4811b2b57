const EXIT_CONFIG = 78; // sysexits.h EX_CONFIG

/**
 * For a program that its environment configures: answers `--help`, and refuses every other argument, which would
 * otherwise look like a setting and be none.
 */
export function takeNoArguments(usage: string): void {
  const given = process.argv.slice(2);
  if (given.length === 0) return;
  if (given.length === 1 && given[0] === '--help') {
    process.stdout.write(usage);
    process.exit(0);
  }
  process.stderr.write(`Takes no arguments but --help.\n\n${usage}`);
  process.exit(EXIT_CONFIG);
}
