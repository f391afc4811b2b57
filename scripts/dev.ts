/** `npm run dev`: the server, started again when its code changes, with a log for the eye. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { readable } from './dev/readable.js';

const USAGE = `npm run dev

Runs the server from its source and starts it again whenever a file of src changes. Its audit and its log are shown as
lines to read, coloured on a terminal only. Settings come from the environment, as for npm start; each start makes a new
development key, unless API_KEYS_FILE names a file: npm run key -- create.

Ends with Ctrl-C. Exit code: that of the watcher, 64 for a wrong argument.
`;
const EXIT_USAGE = 64; // sysexits.h EX_USAGE

function main(): void {
  const watcher = spawn(
    process.execPath,
    ['node_modules/tsx/dist/cli.mjs', 'watch', '--clear-screen=false', 'src/main.ts'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const isColoured = process.stdout.isTTY && !process.env['NO_COLOR'];
  for (const stream of [watcher.stdout, watcher.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      process.stdout.write(`${readable(line, isColoured)}\n`);
    });
  }
  // A terminal sends Ctrl-C to the watcher too; whoever stops us alone means both.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => watcher.kill('SIGTERM'));
  watcher.on('close', (code) => {
    process.exitCode = code ?? 0;
  });
}

try {
  const { values } = parseArgs({ options: { help: { type: 'boolean' } } });
  if (values.help) process.stdout.write(USAGE);
  else main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\nSee: npm run dev -- --help\n`);
  process.exitCode = EXIT_USAGE;
}
