import { parseArgs } from 'node:util';

const EXIT_USAGE = 64; // sysexits.h EX_USAGE

/** For a command that takes no arguments: answers `--help`, and refuses everything else before anything is done. */
export function onlyHelp(usage: string): void {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean' } } });
    if (!values.help) return;
    process.stdout.write(usage);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(EXIT_USAGE);
  }
}
