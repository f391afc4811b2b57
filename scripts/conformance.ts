/** `npm run conformance`: the official suite, both revisions, through the whole authenticated stack. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CredentialProxy, startCredentialProxy } from '../test/conformance/credential-proxy.js';
import type { FixtureServer } from '../test/conformance/server.js';
import { installSuite, runSuite, type SuiteRun } from '../test/conformance/suite.js';
import { hasRedis, type RedisServer, startRedis } from '../test/helpers/redis-server.js';
import { onlyHelp } from './only-help.js';
import { withProgress } from '../src/server/commands/progress.js';

/** The required scenarios of each revision, and those of the tasks extension: if fewer pass, the suite has proven less. */
const EXPECTED = {
  '2025-11-25': { required: 30, tasks: 0 },
  '2026-07-28': { required: 37, tasks: 9 }, // the tenth, tasks-status-notifications, has no check yet
};
type Revision = keyof typeof EXPECTED;
const REVISIONS = Object.keys(EXPECTED) as Revision[];

type Run = (revision: Revision, who: string, credential?: string) => Promise<SuiteRun>;

/** @returns whether everything passed with each credential */
async function withCredentials(server: FixtureServer, run: Run, where: string): Promise<boolean> {
  let allGood = true;
  for (const revision of REVISIONS) {
    for (const who of ['apiKey', 'jwt'] as const) {
      const { exitCode, ...ran } = await run(revision, who, server[who]);
      const failed = [...ran.failed, ...ran.tasksFailed];
      const [passed, tasks] = [ran.passed.length, ran.tasksPassed.length];
      const expected = EXPECTED[revision];
      const isGood =
        exitCode === 0 && failed.length === 0 && passed === expected.required && tasks === expected.tasks;
      const ofTasks = expected.tasks > 0 ? `, ${tasks}/${expected.tasks} of tasks` : '';
      report(
        isGood,
        `${revision} with ${who}${where}: ${passed}/${expected.required} required scenarios${ofTasks}`,
        failed,
      );
      allGood &&= isGood;
    }
  }
  return allGood;
}

/** The control without a credential: only 401 and refusals of earlier layers. One success would be a hole. */
async function withoutCredential(proxy: CredentialProxy, run: Run): Promise<boolean> {
  let allGood = true;
  for (const revision of REVISIONS) {
    const { exitCode, passed } = await run(revision, 'nobody');
    const isRefused = exitCode !== 0 && onlyRefusals(proxy.statuses());
    const answers = [...proxy.statuses()].map(([status, times]) => `${times} × ${status}`).join(', ');
    report(isRefused, `${revision} without a credential fails (${passed.length} pass): ${answers}`);
    allGood &&= isRefused;
  }
  return allGood;
}

function onlyRefusals(statuses: ReadonlyMap<number, number>): boolean {
  return statuses.has(401) && [...statuses.keys()].every((status) => [401, 403, 405].includes(status));
}

/** @param redis three replicas share it; without one there is one process */
async function conformance(folder: string, redis?: RedisServer): Promise<boolean> {
  const { startFixtureServer } = await import('../test/conformance/server.js'); // --help does not load all of src/
  const proxy = await startCredentialProxy();
  try {
    const origin = `http://localhost:${proxy.port}`;
    const server = await startFixtureServer(origin, folder, redis?.url);
    const where = redis ? ' on three replicas' : '';
    const run: Run = (revision, who, credential) => {
      proxy.forward(server.urls, credential);
      const suite = runSuite(`${origin}/mcp`, revision, join(folder, `${revision} ${who}`));
      return withProgress(`${revision} as ${who}${where}`, suite);
    };
    try {
      const isAccepted = await withCredentials(server, run, where);
      return (redis !== undefined || (await withoutCredential(proxy, run))) && isAccepted;
    } finally {
      await server.close();
    }
  } finally {
    await proxy.close();
  }
}

/** Each request goes to another replica than the request before it. */
async function onThreeReplicas(folder: string): Promise<boolean> {
  if (!hasRedis && process.env['REQUIRE_ALL'] !== '1') {
    process.stdout.write('skip three replicas (needs redis-server)\n');
    return true;
  }
  const redis = await startRedis();
  try {
    return await conformance(folder, redis);
  } finally {
    await redis.stop();
  }
}

function report(isGood: boolean, line: string, failed: readonly string[] = []): void {
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
  for (const name of failed) process.stdout.write(`       ${name}\n`);
}

onlyHelp(`npm run conformance

Runs the official MCP suite, both revisions and the tasks extension, through the whole authenticated stack: with an API
key, with a token, and with neither. Three replicas, where each request goes to another one than the request before,
run it too (needs redis-server). Installs the suite the first time; needs Node 22, or Linux on x64, for which it brings one.

Exit code: 0 when all that is required passes, else 1; 64 for a wrong argument.
`);
installSuite();
const folder = await mkdtemp(join(tmpdir(), 'mcp-conformance-'));
const folders = { one: join(folder, 'one'), three: join(folder, 'three') };
await Promise.all(Object.values(folders).map((path) => mkdir(path)));
const ran = await Promise.all([conformance(folders.one), onThreeReplicas(folders.three)]); // the suite waits for tasks
const allGood = ran.every(Boolean);
process.exitCode = allGood ? 0 : 1;
if (allGood) await rm(folder, { recursive: true });
else process.stdout.write(`The checks of every scenario: ${folder}\n`);
