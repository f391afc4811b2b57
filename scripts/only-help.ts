import { takeNoArguments } from '../src/server/command-line.js';

const EXIT_USAGE = 64; // sysexits.h EX_USAGE

/** For a command that takes no arguments. */
export const onlyHelp = (usage: string): void => takeNoArguments(usage, EXIT_USAGE);
