/** `npm run evidence`: writes `docs/controls.md`, or says which requirement no passing test shows. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlsPage } from './evidence/page.js';
import { readSources, requirementsOf, type Requirement } from './evidence/requirements.js';
import { filesToRun, problemOf, readResults, ROOT, type Results } from './evidence/results.js';
import { BREAKS } from './mutation.js';
import { onlyHelp } from './only-help.js';

/** What keeps the requirements from being shown, each with the id and the clause of its requirement. */
export function problemsOf(requirements: readonly Requirement[], results: Results): readonly string[] {
  const ids = requirements.map(({ id }) => id);
  return requirements.flatMap((requirement) => {
    const { id, clause, text, control = [], tests = [], yours } = requirement;
    const files = [...control, ...(yours ? [yours.replace(/#.*/, '')] : [])];
    const found = [
      ...(ids.filter((other) => other === id).length > 1 ? ['another requirement has this id'] : []),
      ...files.filter((file) => !existsSync(join(ROOT, file))).map((file) => `there is no ${file}`),
      ...tests.map((test) => problemOf(test, results)).filter((problem) => problem !== undefined),
    ];
    return found.map((problem) => `${id} (${clause ?? text}): ${problem}`);
  });
}

/** The tests of `npm run mutation` are there, and pass as long as nothing is broken. */
const namedByBreaks = BREAKS.map(({ file, text, test }, index): Requirement => {
  return { id: `break ${index}`, text, control: [`src/server/${file}`], tests: [test] };
});

function main(): void {
  onlyHelp(
    'Usage: npm run evidence\nRuns the tests that show a requirement and have no current result, and writes docs/controls.md.\nFails when a requirement has no passing test.',
  );
  const sources = readSources();
  const requirements = [...requirementsOf(sources), ...namedByBreaks];
  const files = filesToRun(requirements, readResults());
  if (files.length > 0)
    spawnSync('npm', ['test', '--', '--runTestsByPath', ...files], { cwd: ROOT, stdio: 'inherit' });
  const problems = problemsOf(requirements, readResults());
  if (problems.length > 0) {
    process.stderr.write(`${problems.join('\n')}\n`);
    process.exitCode = 1;
    return;
  }
  writeFileSync(join(ROOT, 'docs/controls.md'), controlsPage(sources));
  process.stdout.write(`docs/controls.md: ${requirements.length - namedByBreaks.length} requirements\n`);
}

if (process.argv[1] === import.meta.filename) main();
