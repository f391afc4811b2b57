/** `npm run connect -- NAME`: shows how to connect a client to this server. */
import { parseArgs } from 'node:util';
import { KEY_VARIABLE } from './connect/client.js';
import { CLIENTS, DEFAULT_URL, ownProcess, targetAt } from './connect/page.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const HELP = `Usage: npm run connect -- NAME [--url URL]

Prints what connects the client NAME to the server, with an API key (from the variable ${KEY_VARIABLE}) and by OAuth, and over stdio.

${CLIENTS.map(({ id, title }) => `  ${id.padEnd(16)}${title}`).join('\n')}

  --url URL       the server, ${DEFAULT_URL} unless given
  --help          this text

Exit code: 0 printed, 64 usage.
`;

class UsageError extends Error {}

function readArguments() {
  const options = { url: { type: 'string', default: DEFAULT_URL }, help: { type: 'boolean' } } as const;
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError('--url is an http(s) URL');
  return url.href;
}

function connect(): string {
  const { values, positionals } = readArguments();
  if (values.help) return HELP;
  const [name, ...rest] = positionals;
  const client = CLIENTS.find(({ id }) => id === name);
  if (!client || rest.length > 0) throw new UsageError('name one of the clients');
  const target = targetAt(readUrl(values.url));
  const { title, where, apiKey, oauth, stdio, signIn, traps } = client;
  return [
    `${title}: in ${where}.`,
    `With an API key:\n\n${apiKey(target).text}`,
    `By OAuth. ${signIn}\n\n${oauth(target).text}`,
    ...(stdio ? [`Over stdio, after npm run build. It needs no key.\n\n${stdio(ownProcess()).text}`] : []),
    `Mind:\n${traps.map((trap) => `- ${trap}`).join('\n')}`,
  ]
    .join('\n\n')
    .concat('\n');
}

try {
  process.stdout.write(connect());
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${HELP}`);
  process.exitCode = EXIT_USAGE;
}
