/** Ends at SIGTERM, while a program of its own runs. */
import { runCommand } from '../../../../src/server/index.js';

const { SCRIPT = '', TOLD = '' } = process.env;
process.on('SIGTERM', () => process.exit(0));
const { signal } = new AbortController();
await runCommand({ program: process.execPath, args: ['-e', SCRIPT], operands: [TOLD], signal });
