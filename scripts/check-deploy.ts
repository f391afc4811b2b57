/** `npm run check:deploy`: checks every overlay, as a cluster would get it, by the schemas and our own rules. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { breakIt, BROKEN, BROKEN_SCHEMAS } from './deploy/broken-manifests.js';
import { BROKEN_REDIS, BROKEN_REDIS_CLUSTER } from './deploy/broken-redis.js';
import { BROKEN_INGRESS, BROKEN_ISTIO, BROKEN_TRACING } from './deploy/broken-ways-in.js';
import { lintCompose } from './deploy/compose.js';
import { lintDockerfile, lintDockerignore } from './deploy/dockerfile.js';
import { lint } from './deploy/lint.js';
import type { Manifest, Problem } from './deploy/manifest.js';
import { OTHER_COMPONENTS, overlays, render, renderWith } from './deploy/render.js';
import { readSchemas } from './deploy/schema.js';
import { lintDependabot, lintWorkflow } from './deploy/workflows.js';
import { onlyHelp } from './only-help.js';

onlyHelp(`npm run check:deploy

Renders, validates and lints every overlay of deploy/; then breaks each on purpose, to prove that every rule notices.
KUBERNETES_OPENAPI names the schemas of your cluster (kubectl get --raw /openapi/v2 | gzip).

Exit code: 0, 1 when something was found, 64 for a wrong argument.
`);

const SCHEMAS = process.env['KUBERNETES_OPENAPI'] ?? 'deploy/checks/kubernetes-openapi.json.gz';

let failed = false;

function report(what: string, problems: readonly Problem[]): void {
  process.stdout.write(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${what}\n`);
  for (const { rule, where, message } of problems)
    process.stdout.write(`       ${rule}: ${where} ${message}\n`);
  failed ||= problems.length > 0;
}

const read = (file: string) => readFileSync(file, 'utf8');
report('deploy/Dockerfile', lintDockerfile(read('deploy/Dockerfile')));
report('.dockerignore', lintDockerignore(read('.dockerignore')));
report('deploy/compose.yaml', lintCompose(read('deploy/compose.yaml')));
for (const name of readdirSync('.github/workflows'))
  report(`.github/workflows/${name}`, lintWorkflow(name, read(`.github/workflows/${name}`)));
report('.github/dependabot.yml', lintDependabot(read('.github/dependabot.yml')));

const validate = existsSync(SCHEMAS) ? readSchemas(SCHEMAS) : undefined;
if (validate === undefined) {
  process.stdout.write(
    'skip schemas: KUBERNETES_OPENAPI names no file (kubectl get --raw /openapi/v2 | gzip)\n',
  );
}
async function judge(what: string, manifests: readonly Manifest[]): Promise<readonly Manifest[]> {
  if (validate !== undefined) report(`${what}: schemas`, validate(manifests));
  report(`${what}: rules`, await lint(manifests));
  return manifests;
}
for (const folder of overlays()) await judge(folder, render(folder));
const [istio = [], nginx = [], ingress = []] = await Promise.all(
  OTHER_COMPONENTS.map((components) =>
    judge(`deploy/kubernetes/overlays/prod with ${components.join(' and ')}`, renderWith(components)),
  ),
);

/** Its rule must catch each mistake: a rule that catches nothing would pass above. */
async function checkTheChecks(
  rows: typeof BROKEN,
  manifests: readonly Manifest[],
  check: (manifests: readonly Manifest[]) => readonly Problem[] | Promise<readonly Problem[]>,
): Promise<void> {
  const unseen: Problem[] = [];
  for (const [rule, mistake, ...changes] of rows) {
    const found = await check(breakIt(manifests, changes));
    if (!found.some((problem) => problem.rule === rule))
      unseen.push({ rule, where: mistake, message: 'was not seen' });
  }
  report(`${rows.length - unseen.length} of ${rows.length} broken manifests are caught`, unseen);
}

const production = render('deploy/kubernetes/overlays/prod');
await checkTheChecks(BROKEN, production, lint);
await checkTheChecks([...BROKEN_INGRESS, ...BROKEN_TRACING], ingress, lint);
await checkTheChecks([...BROKEN_ISTIO, ...BROKEN_REDIS], istio, lint);
await checkTheChecks([...BROKEN_REDIS, ...BROKEN_REDIS_CLUSTER], nginx, lint);
if (validate !== undefined) await checkTheChecks(BROKEN_SCHEMAS, production, validate);
process.exitCode = failed ? 1 : 0;
