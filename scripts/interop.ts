/** `npm run interop`: clients that others wrote, against the server as it runs in production. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { withProgress } from '../src/server/commands/progress.js';
import { installSuite } from '../test/conformance/suite.js';
import type { AuditLine } from '../test/helpers/serve.js';
import type { InteropServer } from '../test/interop/server.js';
import {
  CLIENTS,
  type Feature,
  type InteropClient,
  installClients,
  runClient,
  type Seen,
  STEP_UP,
  versionOf,
  type Visit,
  visitBy,
  WAYS,
} from '../test/interop/suite.js';

const HELP = `Usage: npm run interop -- [--write]

Lists the tools and calls process_files with each client, by an API key, a token and the whole OAuth flow; tries what
else the client can do: resources, prompts, completion, questions to the user, cancellation, more scopes for one tool.

  --write   keep the result in test/interop/results.json, which npm run docs:clients shows
  --help    this text

Exit code: 0 when every client does all that it can, 1 otherwise.
`;
const RESULTS = new URL('../test/interop/results.json', import.meta.url);

/** @returns the problem with what a client saw, if any */
function problem(seen: Seen, { shows }: InteropClient, { features = [] }: Visit): string | undefined {
  const { tools, total, progress, logs, done } = seen;
  if (!tools.includes('process_files')) return `tools: ${tools.join(', ')}`;
  if (total === undefined || total.documents < 2) return 'no result';
  if (shows && (progress === 0 || logs === 0)) return `${progress} progress and ${logs} log notifications`;
  const missing = features.filter((feature) => !done.includes(feature));
  if (missing.length > 0) return `not done: ${missing.join(', ')}`;
}

async function attempt(
  client: InteropClient,
  visit: Visit,
  server: InteropServer,
): Promise<string | undefined> {
  try {
    return problem(await runClient(client, visit, server), client, visit);
  } catch (error) {
    return (error as Error).message;
  }
}

type Visits = readonly (readonly [name: string, visit: Visit])[];

async function tryClient(client: InteropClient, server: InteropServer, visits: Visits) {
  const attempts = visits.map(async ([name, visit]) => [name, await attempt(client, visit, server)] as const);
  const wrong = await withProgress(client.title, Promise.all(attempts));
  const failed = wrong.filter(([, reason]) => reason !== undefined);
  say(failed.length === 0, `${client.title} ${versionOf(client)}`);
  for (const [name, reason] of failed) process.stdout.write(`       ${name}: ${reason}\n`);
  return Object.fromEntries(wrong.map(([name, reason]) => [name, reason === undefined]));
}

/** Each way in; what else it does with its key; and, where it can, the scopes that one tool needs more. */
async function visitsOf({ id, features }: InteropClient, server: InteropServer): Promise<Visits> {
  const document = features.includes('elicitation') && (await server.addDocument(`${id}.txt`));
  const ways = WAYS.map((way) => [way, visitBy(way, server)] as const);
  const besides = {
    key: server.key,
    features: features.filter((one) => one !== 'step-up'),
    ...(document && { document }),
  };
  const visits: Visits = [...ways, ['features', besides]];
  if (!features.includes('step-up')) return visits;
  return [...visits, ['step-up', { ...STEP_UP, document: await server.addDocument(`${id}-oauth.txt`) }]];
}

/** The calls that reached the tool. */
const callsOf = (lines: readonly AuditLine[], tool = 'process_files') =>
  lines.filter((line) => line['gen_ai.tool.name'] === tool && line['stage'] === 'received').length;

const countOf = (feature: Feature) => CLIENTS.filter(({ features }) => features.includes(feature)).length;

/** What each client does, and what the server saw of it. */
async function welcomed(server: InteropServer) {
  const results = [];
  let visited = 0;
  try {
    for (const client of CLIENTS) {
      const { title, shows, features } = client;
      const visits = await visitsOf(client, server);
      visited += visits.length;
      const passed = await tryClient(client, server, visits);
      results.push({ title, version: versionOf(client), shows, does: features.join(', '), ...passed });
    }
  } finally {
    const lines = await server.close();
    say(callsOf(lines) === visited, `the audit has ${callsOf(lines)} calls of process_files`);
    const denied = lines.filter(({ reason }) => reason === 'insufficient_scope').length;
    say(denied >= countOf('step-up'), `${denied} calls were refused for want of a scope, then allowed`);
    say(
      server.cancelled() === countOf('cancellation'),
      `the tool heard of ${server.cancelled()} cancellations`,
    );
    say(server.deletable().length === 0, 'every document is gone that a user let go');
    say(server.isKept(), 'every other document is still there');
  }
  return results;
}

/** A suite that passes without a credential would show nothing. */
async function refused(server: InteropServer): Promise<void> {
  try {
    for (const client of CLIENTS) {
      const reason = await attempt(client, { key: 'wrong' }, server);
      say(reason !== undefined, `${client.title} does nothing with a wrong key`);
    }
  } finally {
    const lines = (await server.close()).filter((line) => line['http.path'] === '/mcp');
    const refusals = lines.filter(({ reason }) => reason === 'credentials_invalid').length;
    say(refusals >= CLIENTS.length, `the audit has ${refusals} refusals of the wrong key`);
    say(!lines.some(({ decision }) => decision === 'allow'), 'and allowed nothing');
  }
}

async function unscoped(server: InteropServer): Promise<void> {
  try {
    for (const client of CLIENTS) await tryClient(client, server, [['oauth', {}]]);
  } finally {
    const calls = callsOf(await server.close());
    say(calls === CLIENTS.length, `without REQUIRED_SCOPES the audit has ${calls} calls`);
  }
}

function say(isGood: boolean, line: string): void {
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
  if (!isGood) process.exitCode = 1;
}

async function interop(isWritten: boolean): Promise<void> {
  const { startInteropServer } = await import('../test/interop/server.js'); // --help does not load all of src/
  const results = await welcomed(await startInteropServer('documents:read'));
  await unscoped(await startInteropServer(''));
  await refused(await startInteropServer(''));
  if (isWritten) writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
}

const { values } = parseArgs({ options: { write: { type: 'boolean' }, help: { type: 'boolean' } } });
if (values.help) process.stdout.write(HELP);
else {
  if (Number.parseInt(process.versions.node, 10) < 22) installSuite(); // it brings a newer Node
  installClients();
  await interop(values.write === true);
}
