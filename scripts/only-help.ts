import { EXIT_USAGE, takeNoArguments } from '../src/server/command-line.js';

/** For a command that takes no arguments. */
export const onlyHelp = (usage: string): void => takeNoArguments(usage, EXIT_USAGE);
