/** An MCP client for the terminal: `npm run client -- --help`. */
import { ProtocolError, UrlElicitationRequiredError } from '@modelcontextprotocol/client';
import { type Arguments, HELP, readArguments, UsageError } from './arguments.js';
import { runCommand } from './commands.js';
import { prepareConnection } from './connection.js';
import { createDisplay } from './display.js';

const EXIT_TOOL = 1;
const EXIT_USAGE = 2;
const EXIT_REFUSED = 3;
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells count

async function main(args: Arguments): Promise<number> {
  const display = createDisplay(process.stderr);
  const connection = prepareConnection(args, display);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort()); // cancels the call on the server too
  try {
    await connection.open();
    const done = await runCommand(args.command, connection, display, interrupt.signal);
    return done ? 0 : EXIT_TOOL;
  } catch (error) {
    display.leaveBar();
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    if (error instanceof ProtocolError) {
      display.line(`error ${error.code}: ${error.message}`, 'error');
      const pages = error instanceof UrlElicitationRequiredError ? error.elicitations : [];
      for (const { url } of pages) display.line(`Open ${url} in your browser, then call again`, 'warning');
      return EXIT_TOOL;
    }
    display.line(`refused or not reachable: ${connection.refusal() ?? reasonOf(error)}`, 'error');
    return EXIT_REFUSED;
  } finally {
    await connection.close();
  }
}

/** The innermost cause says most: `ECONNREFUSED`, not `fetch failed`. */
function reasonOf(error: unknown): string {
  let reason = error as Error & { code?: string };
  while (reason.cause instanceof Error) reason = reason.cause;
  const isUntrusted = /SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY)/.test(reason.code ?? '');
  const fix = isUntrusted ? ': name its authority in NODE_EXTRA_CA_CERTS' : '';
  return `${reason.message || (reason.code ?? reason.name)}${fix}`;
}

try {
  const args = readArguments(process.argv.slice(2));
  if (args) process.exitCode = await main(args);
  else process.stdout.write(HELP);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${HELP}`);
  process.exitCode = EXIT_USAGE;
}
