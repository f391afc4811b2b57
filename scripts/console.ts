/** `npm run console`: the page of examples/console on its own origin, with a server that allows it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { startClassicServer } from '../examples/classic-streaming/server.js';
import { build, install, isInstalled } from '../examples/console/build.js';
import { type ConsoleTarget, serveConsole } from '../examples/console/server.js';
import { ownSettings } from './own-settings.js';
import { EXIT_USAGE } from '../src/server/command-line.js';

const USAGE = `npm run console [-- --url URL] [--port PORT]

Serves the console of examples/console on http://127.0.0.1:PORT (5173 unless given; 0 takes a free one), until Ctrl-C.
The first time it installs and builds the page.

Without --url it starts a server of its own on a free port, which allows the console's origin, speaks HTTP+SSE too and
has documents that take a moment to process; it prints a key for it. With --url it serves the page alone, for a server
of yours: start that first, with the console's origin in ALLOWED_ORIGINS.

Exit code: 0 when it was stopped, 1 when it could not start, 64 for a wrong argument.
`;

async function main({ url, port }: { readonly url?: string; readonly port: number }): Promise<void> {
  if (!isInstalled()) {
    process.stderr.write('Installing the console, once\n');
    install();
  }
  build();
  let target: ConsoleTarget | undefined;
  const page = await serveConsole({ port, target: () => target ?? { url: url ?? page.origin } });
  const own = url === undefined ? startServers(page.origin) : undefined;
  process.once('SIGINT', stop).once('SIGTERM', stop);
  target = own ? await own.ready : { url: String(url), issuers: await issuersOf(String(url)) };
  process.stderr.write(`\nThe console: ${page.origin}\n`);

  function stop(): void {
    void Promise.all([page.close(), own?.stop()]);
  }
}

/** The authorization servers that the metadata names (RFC 9728), which the page must be allowed to call. */
async function issuersOf(url: string): Promise<readonly string[]> {
  const { origin, pathname } = new URL(url);
  const response = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  if (!response.ok) return []; // it takes no tokens
  const { authorization_servers: issuers } = (await response.json()) as { authorization_servers?: string[] };
  return issuers ?? [];
}

/** The server as by `npm start`, with HTTP+SSE for comparison. */
function startServers(allowedOrigin: string) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-console-'));
  const hasDocuments = existsSync('examples/documents'); // unless the samples were removed
  if (hasDocuments) makeDocuments(folder);
  const server = startTsx('src/main.ts', {
    ...ownSettings(),
    PORT: '0',
    ADMIN_PORT: '0',
    LOG_LEVEL: 'warn',
    LEGACY_SSE: 'true',
    AUDIT_SINKS: `file:${join(folder, 'audit.log')}`,
    ...(hasDocuments && { FILES_ROOT: join(folder, 'documents') }),
    ALLOWED_ORIGINS: allowedOrigin,
  });
  const classic = startClassicServer(0);
  const ready = firstMatch(server, /^Serving MCP on (\S+)$/).then(async (url) => ({
    url,
    classicUrl: (await classic).url.href,
  }));
  return {
    ready,
    stop: async () => {
      await Promise.all([end(server), classic.then((one) => one.close())]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Only these variables and your own settings, so that the shell's environment does not affect the console. */
function startTsx(file: string, settings: Readonly<Record<string, string>>): ChildProcess {
  const { PATH = '', SystemRoot = '' } = process.env; // Windows opens no socket without SystemRoot
  const env = { PATH, SystemRoot, ...settings };
  return spawn(process.execPath, ['--import', 'tsx', file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

async function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  if (!child.stderr) throw new TypeError('stderr must be a pipe');
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => process.stderr.write(`${line}\n`));
  const found = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      const match = pattern.exec(line)?.[1];
      if (match !== undefined) resolve(match);
    });
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the server did not start');
  });
  return Promise.race([found, ended]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

const DOCUMENTS = 10;
const DOCUMENT_BYTES = 8 * 1024 * 1024;

/** One long text under ten names, as hard links: slow to read, but small on disk. */
function makeDocuments(folder: string): void {
  const samples = readdirSync('examples/documents', { withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const text = samples.map(({ name }) => readFileSync(join('examples/documents', name), 'utf8')).join('\n');
  mkdirSync(join(folder, 'documents'));
  const first = join(folder, 'documents', 'document-01.txt');
  writeFileSync(first, text.repeat(Math.ceil(DOCUMENT_BYTES / text.length)));
  for (let number = 2; number <= DOCUMENTS; number++)
    linkSync(first, join(folder, 'documents', `document-${String(number).padStart(2, '0')}.txt`));
}

function readArguments() {
  const options = { url: { type: 'string' }, port: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { values } = parseArgs({ options });
  const port = Number(values.port ?? 5173);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('--port is a number up to 65535');
  if (values.url !== undefined && !(URL.canParse(values.url) && /^https?:/.test(values.url)))
    throw new Error('--url is the http(s) URL of an MCP endpoint');
  return { ...values, port };
}

function readUsage() {
  try {
    return readArguments();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee: npm run console -- --help\n`);
    process.exit(EXIT_USAGE);
  }
}

const { help, url, port } = readUsage();
if (help) process.stdout.write(USAGE);
else
  await main({ ...(url !== undefined && { url }), port }).catch((error: unknown) => {
    process.stderr.write(`The console did not start: ${(error as Error).message}\n`);
    process.exit(1);
  });
