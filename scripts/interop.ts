/** `npm run interop`: runs clients by others against the server in production mode. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { withProgress } from '../src/server/commands/progress.js';
import { installSuite } from '../test/conformance/suite.js';
import type { AuditLine } from '../test/helpers/serve.js';
import type { InteropServer } from '../test/interop/server.js';
import {
  CLIENTS,
  type InteropClient,
  installClients,
  runClient,
  type Seen,
  versionOf,
  WAYS,
  type Way,
} from '../test/interop/suite.js';

const HELP = `Usage: npm run interop -- [--write]

Lists the tools and calls process_files with each client, by an API key, a token and the whole OAuth flow.

  --write   keep the result in test/interop/results.json, which npm run docs:clients shows
  --help    this text

Exit code: 0 when every client does all that it can, 1 otherwise.
`;
const RESULTS = new URL('../test/interop/results.json', import.meta.url);

/** @returns the problem with what a client saw, if any */
function problem({ tools, total, progress, logs }: Seen, { shows }: InteropClient): string | undefined {
  if (!tools.includes('process_files')) return `tools: ${tools.join(', ')}`;
  if (total === undefined || total.documents < 2) return 'no result';
  if (shows && (progress === 0 || logs === 0)) return `${progress} progress and ${logs} log notifications`;
}

async function attempt(client: InteropClient, way: Way, server: InteropServer): Promise<string | undefined> {
  try {
    return problem(await runClient(client, way, server), client);
  } catch (error) {
    return (error as Error).message;
  }
}

async function tryClient(client: InteropClient, server: InteropServer, ways: readonly Way[]) {
  const attempts = ways.map(async (way) => [way, await attempt(client, way, server)] as const);
  const wrong = await withProgress(client.title, Promise.all(attempts));
  const failed = wrong.filter(([, reason]) => reason !== undefined);
  say(failed.length === 0, `${client.title} ${versionOf(client)}`);
  for (const [way, reason] of failed) process.stdout.write(`       ${way}: ${reason}\n`);
  const passed = Object.fromEntries(wrong.map(([way, reason]) => [way, reason === undefined]));
  return { title: client.title, version: versionOf(client), shows: client.shows, ...passed };
}

const receivedCalls = (lines: readonly AuditLine[]) =>
  lines.filter((line) => line['gen_ai.tool.name'] === 'process_files' && line['stage'] === 'received').length;

/** The control: a suite that also passes without a credential proves nothing. */
async function isStrangerRefused(server: InteropServer): Promise<boolean> {
  const [client] = CLIENTS;
  return client !== undefined && (await attempt(client, 'key', { ...server, key: 'wrong' })) !== undefined;
}

function say(isGood: boolean, line: string): void {
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
  if (!isGood) process.exitCode = 1;
}

async function interop(isWritten: boolean): Promise<void> {
  const { startInteropServer } = await import('../test/interop/server.js'); // --help does not load all of src/
  const server = await startInteropServer('documents:read');
  const results = [];
  let isRefused = false;
  try {
    for (const client of CLIENTS) results.push(await tryClient(client, server, WAYS));
    isRefused = await isStrangerRefused(server);
  } finally {
    const allowed = receivedCalls(await server.close());
    say(isRefused, 'a wrong key calls nothing');
    say(allowed === CLIENTS.length * WAYS.length, `the audit has ${allowed} calls`);
  }
  const unscoped = await startInteropServer('');
  try {
    for (const client of CLIENTS) await tryClient(client, unscoped, ['oauth']);
  } finally {
    const allowed = receivedCalls(await unscoped.close());
    say(allowed === CLIENTS.length, `without REQUIRED_SCOPES the audit has ${allowed} calls`);
  }
  if (isWritten) writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
}

const { values } = parseArgs({ options: { write: { type: 'boolean' }, help: { type: 'boolean' } } });
if (values.help) process.stdout.write(HELP);
else {
  if (Number.parseInt(process.versions.node, 10) < 22) installSuite(); // it brings a newer Node
  installClients();
  await interop(values.write === true);
}
