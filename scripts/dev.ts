/** `npm run dev`: restarts the server when its code changes, and prints a readable log. */
import './env-file.js';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { developmentKey } from '../src/server/identity/api-key-entry.js';
import { welcome } from '../src/server/welcome.js';
import { readable } from './dev/readable.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const USAGE = `npm run dev

Runs the server from its source and starts it again whenever a file of src changes. Its audit and its log are shown as
lines to read, coloured on a terminal only. Settings come from the environment and, outside production, from .env, as for
npm start. The development key stays the same until Ctrl-C, with the scopes that the definitions name at each start.

Ends with Ctrl-C. Exit code: that of the watcher, 64 for a wrong argument.
`;
const TSX = 'node_modules/tsx/dist/cli.mjs';
const SERVING = /^Serving MCP on (\S+)$/;

function main(): void {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-dev-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const keysFile = join(folder, 'api-keys.json');
  const { key, entry } = developmentKey([]);

  const watcher = spawn(
    process.execPath,
    [TSX, 'watch', '--clear-screen=false', 'scripts/dev/server.ts', keysFile, JSON.stringify(entry)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const isColoured = process.stdout.isTTY && !process.env['NO_COLOR'];
  let isFirst = true;
  const show = (line: string) => {
    const url = SERVING.exec(line)?.[1];
    const isGreeted = isFirst && url !== undefined && existsSync(keysFile);
    isFirst &&= url === undefined;
    return isGreeted
      ? welcome({ url: new URL(url), developmentKey: key })
      : `${readable(line, isColoured)}\n`;
  };
  for (const stream of [watcher.stdout, watcher.stderr]) {
    createInterface({ input: stream }).on('line', (line) => process.stdout.write(show(line)));
  }
  // A terminal sends Ctrl-C to the watcher too. A signal to this process alone must stop both.
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
