/** `npm run conformance`: the official suite, both revisions, through the whole authenticated stack. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CredentialProxy, startCredentialProxy } from '../test/conformance/credential-proxy.js';
import { installSuite, runSuite } from '../test/conformance/suite.js';
import { onlyHelp } from './only-help.js';
import { withProgress } from '../src/server/commands/progress.js';

/** The required scenarios of each revision: if fewer run, the suite has proven less. */
const REQUIRED = { '2025-11-25': 30, '2026-07-28': 37 };

async function conformance(folder: string, proxy: CredentialProxy): Promise<boolean> {
  const origin = `http://localhost:${proxy.port}`;
  const { startFixtureServer } = await import('../test/conformance/server.js'); // --help does not load all of src/
  const server = await startFixtureServer(origin, folder);
  try {
    let allGood = true;
    for (const [revision, required] of Object.entries(REQUIRED)) {
      const run = async (who: string, credential?: string) => {
        proxy.forward(server.url, credential);
        const suite = runSuite(`${origin}/mcp`, revision, join(folder, `${revision} ${who}`));
        return withProgress(`${revision} as ${who}`, suite);
      };
      for (const who of ['apiKey', 'jwt'] as const) {
        const { exitCode, passed, failed } = await run(who, server[who]);
        const isGood = exitCode === 0 && failed.length === 0 && passed.length === required;
        report(isGood, `${revision} with ${who}: ${passed.length}/${required} required scenarios`, failed);
        allGood &&= isGood;
      }
      const { exitCode, passed } = await run('nobody');
      const isRefused = exitCode !== 0 && onlyRefusals(proxy.statuses());
      const answers = [...proxy.statuses()].map(([status, times]) => `${times} × ${status}`).join(', ');
      report(isRefused, `${revision} without a credential fails (${passed.length} pass): ${answers}`);
      allGood &&= isRefused;
    }
    return allGood;
  } finally {
    await server.close();
  }
}

/** The control without a credential: only 401 and refusals of earlier layers. One success would be a hole. */
function onlyRefusals(statuses: ReadonlyMap<number, number>): boolean {
  return statuses.has(401) && [...statuses.keys()].every((status) => [401, 403, 405].includes(status));
}

function report(isGood: boolean, line: string, failed: readonly string[] = []): void {
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
  for (const name of failed) process.stdout.write(`       ${name}\n`);
}

onlyHelp(`npm run conformance

Runs the official MCP suite, both revisions, through the whole authenticated stack: with an API key, with a token, and
with neither. Installs the suite the first time; needs Node 22, or Linux on x64, for which it brings one.

Exit code: 0 when all that is required passes, else 1; 64 for a wrong argument.
`);
installSuite();
const folder = await mkdtemp(join(tmpdir(), 'mcp-conformance-'));
const proxy = await startCredentialProxy();
try {
  const allGood = await conformance(folder, proxy);
  process.exitCode = allGood ? 0 : 1;
  if (allGood) await rm(folder, { recursive: true });
  else process.stdout.write(`The checks of every scenario: ${folder}\n`);
} finally {
  await proxy.close();
}
