/** `npm run upgrade`: brings a newer template into this clone. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readTemplate, TEMPLATE_FILE, type Template } from './template/ownership.js';
import { type Git, gitIn, tried } from './upgrade/git.js';
import { apply, type Merged, merge } from './upgrade/merge.js';
import { mergePackages, takeTemplateFile } from './upgrade/packages.js';
import { fetchBoth, findBase, findTarget, includes, RefusedUpgrade, templateAt } from './upgrade/source.js';
import { readClone, treeFor } from './upgrade/trees.js';

const USAGE = `npm run upgrade -- [--from GIT_URL_OR_FOLDER] [--to TAG] [--check]

Brings the template's files in this clone to a newer version. Replaces files that you did not touch, merges those that you
did, and leaves your own alone. Runs nothing of the newer version, and commits nothing. Commit your work first.

  --from   where the template is; else what "from" in template.json says
  --to     a tag of it; else its newest version
  --check  says what it would do, and changes nothing

Exit code: 0 done or nothing to do, 1 conflicts, 2 refused: nothing is changed.
`;
const EXIT_CONFLICTS = 1;
const EXIT_REFUSED = 2;

/** The user's git configuration must not affect the merge in the scratch repository. */
const SCRATCH = {
  'core.autocrlf': 'false',
  'core.hooksPath': '/dev/null',
  'commit.gpgSign': 'false',
  // Do not move the clone's files with those that the template moved.
  'merge.directoryRenames': 'false',
  'user.name': 'upgrade',
  'user.email': 'upgrade@localhost',
};

interface Options {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly check?: boolean | undefined;
  readonly help?: boolean | undefined;
}

function main(options: Options): number {
  const clone = gitIn(process.cwd());
  const mine = requireUpgradable(clone);
  const from = options.from ?? mine.from;
  if (from === '')
    throw new RefusedUpgrade(`Give the source of the template: --from, or "from" in ${TEMPLATE_FILE}.`);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'upgrade-')));
  try {
    const scratch = gitIn(folder, SCRATCH);
    scratch(['init', '-q', '--template=']);
    fetchBoth(scratch, from, clone.folder);
    const target = findTarget(scratch, options.to);
    const base = findBase(scratch, mine, target);
    if (includes(scratch, base, target)) return say('Nothing to do: you have all of it.\n', 0);
    const merged = mergeInto(scratch, mine, base, target);
    if (!options.check) apply(clone, scratch, merged);
    const versions = `${mine.version} to ${templateAt(scratch, target).version}`;
    return report(merged, versions, options.check === true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function requireUpgradable(clone: Git): Template {
  const root = tried(() => realpathSync(clone(['rev-parse', '--show-toplevel'])));
  if (root !== realpathSync(clone.folder))
    throw new RefusedUpgrade('Run this at the root of a git repository.');
  if (clone(['status', '--porcelain']) !== '')
    throw new RefusedUpgrade('There are uncommitted changes: commit or stash them first.');
  return readTemplate();
}

function mergeInto(scratch: Git, mine: Template, base: string, target: string): Merged {
  const newer = templateAt(scratch, target);
  const clone = readClone(scratch, mine, newer);
  const sides = {
    base: treeFor(scratch, base, templateAt(scratch, base), clone),
    theirs: treeFor(scratch, target, newer, clone),
  };
  mergePackages(scratch, sides, clone.entries);
  takeTemplateFile(scratch, sides, clone.entries, mine, newer, target);
  return merge(scratch, sides.base, sides.theirs);
}

const NEXT = `Next: npm install && npm run docs:config && npm run docs:clients
then: npm run types && npm run lint && npm test, and commit. CHANGELOG.md says what is new.
`;
const RESOLVE = `You and the template both changed the files marked CONFLICT. Edit each one, choosing between your lines (after <<<<<<<) and
the template's (before >>>>>>>), then: git add FILE. To abandon the whole upgrade: git reset --hard
`;

function report({ changes }: Merged, versions: string, isCheck: boolean): number {
  const conflicts = changes.filter(({ done }) => done === 'CONFLICT').length;
  const lines = changes.map(({ path, done }) => `  ${done.padEnd(10)}${path}\n`);
  const heading = isCheck ? `Would upgrade ${versions}; nothing is changed:` : `Upgraded ${versions}:`;
  const leftOut = changes.some(({ done }) => done === 'left out')
    ? 'Left out: you had deleted these, and the template changed them since.\n'
    : '';
  const next = isCheck ? '' : NEXT;
  const text = `${heading}\n${lines.join('')}${leftOut}${conflicts > 0 ? RESOLVE : ''}${next}`;
  return say(text, conflicts > 0 ? EXIT_CONFLICTS : 0);
}

function say(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}

function readOptions(): Options {
  const options = {
    from: { type: 'string' },
    to: { type: 'string' },
    check: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new RefusedUpgrade(`${(error as Error).message}\nSee: npm run upgrade -- --help`);
  }
}

try {
  const options = readOptions();
  process.exitCode = options.help ? say(USAGE, 0) : main(options);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = EXIT_REFUSED;
}
