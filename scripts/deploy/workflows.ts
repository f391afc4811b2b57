/** Workflows must pin what they run and keep it up to date; actionlint and zizmor check the rest. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isExactImage, type Problem } from './manifest.js';

/** Owners can move tags: an action must be pinned to a commit, an image to an exact version. */
export function lintWorkflow(name: string, file: string): readonly Problem[] {
  const actions = [...file.matchAll(/\buses: +(\S+)/g)].map(([, uses = '']) => uses);
  const images = [...file.matchAll(/\bimage: +(\S+)/g)].map(([, image = '']) => image);
  const loose = [
    ...actions.filter((uses) => !uses.startsWith('./') && !/@[0-9a-f]{40}$/.test(uses)),
    ...images.filter((image) => !isExactImage(image)),
  ];
  return loose.map((each) => ({ rule: 'pinned', where: name, message: `${each} is not pinned` }));
}

interface Dependabot {
  readonly updates: readonly {
    readonly 'package-ecosystem': string;
    readonly directory?: string;
    readonly directories?: readonly string[];
    readonly cooldown?: object;
  }[];
}

/** By ecosystem and folder: every lockfile, and the images that `npm run pin` pins. */
function wantedUpdates(): readonly string[] {
  const npm = packagesIn('.').map((folder) => `npm ${join('/', folder)}`);
  return [...npm, 'github-actions /', 'docker /deploy', 'docker-compose /deploy'];
}

/** The folders with a lockfile. Not by git: a downloaded copy has no repository. */
function packagesIn(folder: string): readonly string[] {
  const own = existsSync(join(folder, 'package-lock.json')) ? [folder] : [];
  const inside = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.'))
    .flatMap((entry) => packagesIn(join(folder, entry.name)));
  return [...own, ...inside];
}

export function lintDependabot(file: string): readonly Problem[] {
  const { updates } = parse(file) as Dependabot;
  const kept = updates.flatMap(
    ({ 'package-ecosystem': ecosystem, directory = [], directories = directory }) =>
      [directories].flat().map((folder) => `${ecosystem} ${folder}`),
  );
  const problem = (rule: string, message: string) => ({ rule, where: 'dependabot.yml', message });
  const missing = wantedUpdates().filter((name) => !kept.includes(name));
  const isHasty = updates.some(({ cooldown }) => cooldown === undefined);
  return [
    ...missing.map((name) => problem('updates', `does not keep ${name} up to date`)),
    ...(isHasty ? [problem('cooldown', 'takes a release in its first hour')] : []),
  ];
}
