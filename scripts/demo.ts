/** `npm run demo`: a server, a client at work on real documents, three refusals, and the audit of all of it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onlyHelp } from './only-help.js';

const TSX = ['--import', 'tsx'];

async function demo(folder: string): Promise<void> {
  const keysFile = join(folder, 'keys.json');
  const auditFile = join(folder, 'audit.log');
  const key = createKey(keysFile, 'documents:read');
  const { server, url } = await startServer({ API_KEYS_FILE: keysFile, AUDIT_SINKS: `file:${auditFile}` });
  try {
    heading('The client processes examples/documents (revision 2026-07-28)');
    await runClient([url, '--key', key, 'process', '.']);
    heading('The same server, a client of revision 2025-11-25: one log message at each level');
    await runClient([url, '--key', key, '--era', '2025', 'call', 'log_levels']);
    heading('Three refusals');
    await showRefusal('no key', url, {}, 401);
    await showRefusal(
      'a page of another origin',
      url,
      { 'X-Api-Key': key, Origin: 'https://evil.example' },
      403,
    );
    await showRefusal('a key without documents:write calls delete_document', url, { 'X-Api-Key': key }, 403);
  } finally {
    await stop(server);
  }
  heading('The audit');
  process.stdout.write(await readFile(auditFile, 'utf8'));
}

function createKey(file: string, scopes: string): string {
  const command = [...TSX, 'src/key.ts', 'create', '--name', 'demo', '--scopes', scopes, '--file', file];
  return execFileSync(process.execPath, command, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

/** Only these variables, so that the shell's environment does not affect the demo. */
async function startServer(settings: Record<string, string>): Promise<{ server: ChildProcess; url: string }> {
  const { PATH = '', SystemRoot = '' } = process.env; // Windows opens no socket without SystemRoot
  const server = spawn(process.execPath, [...TSX, 'src/main.ts'], {
    env: { PATH, SystemRoot, PORT: '0', ADMIN_PORT: '0', LOG_LEVEL: 'warn', ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for await (const line of createInterface({ input: server.stderr })) {
    process.stdout.write(`${line}\n`);
    const url = /^Serving MCP on (\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    server.stderr.pipe(process.stdout);
    return { server, url };
  }
  throw new Error('the server did not start');
}

async function runClient(args: readonly string[]): Promise<void> {
  const client = spawn(process.execPath, [...TSX, 'examples/client/main.ts', ...args], {
    stdio: [0, 1, 1], // stderr also to stdout, so that progress and result stay in order
  });
  const [code] = await once(client, 'exit');
  if (code !== 0) throw new Error(`the client ended with ${String(code)}`);
}

/** A tool call of revision 2026-07-28 without a client, to show the raw answer. */
async function showRefusal(
  what: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  expected: number,
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': 'delete_document',
      ...headers,
    },
    body: JSON.stringify(DELETE_CALL),
  });
  process.stdout.write(`${what}\n  ${response.status} ${await response.text()}\n`);
  if (response.status !== expected) throw new Error(`expected ${expected}`);
}

const DELETE_CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'delete_document',
    arguments: { path: 'budget-2026.md' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'demo', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
};

/** The audit is complete once the server has drained. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
}

function heading(text: string): void {
  process.stdout.write(`\n== ${text}\n\n`);
}

onlyHelp(`npm run demo

Starts a server on a free port, has the example client process the documents, shows three refusals, and prints the audit.

Exit code: 0, 1 when anything was not as expected, 64 for a wrong argument.
`);
const folder = await mkdtemp(join(tmpdir(), 'mcp-demo-'));
try {
  await demo(folder);
} finally {
  await rm(folder, { recursive: true });
}
