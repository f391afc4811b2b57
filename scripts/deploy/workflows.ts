/** What a workflow must not do: it runs with the keys to the repository, and partly the code of strangers. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isExactImage } from './lint-pods.js';
import type { Problem } from './manifest.js';

type Permissions = Readonly<Record<string, string>> | string | undefined;

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly permissions?: Permissions;
  readonly 'timeout-minutes'?: number;
  readonly container?: { readonly image?: string };
  readonly uses?: string;
  readonly secrets?: unknown;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Permissions;
  readonly jobs: Readonly<Record<string, Job>>;
}

type Check = readonly [rule: string, isBroken: boolean, message: string];

const isPinned = (uses: string) => uses.startsWith('./') || /@[0-9a-f]{40}$/.test(uses);
const isEmpty = (permissions: Permissions) =>
  typeof permissions === 'object' && Object.keys(permissions).length === 0;
const mayWrite = (permissions: Permissions) =>
  typeof permissions === 'object' && Object.values(permissions).some((each) => each !== 'read');

function stepChecks({ uses = '', run = '', with: options = {} }: Step): readonly Check[] {
  return [
    [
      'pinned',
      uses !== '' && !isPinned(uses),
      `${uses} is whatever its owner makes of the tag: pin the commit`,
    ],
    [
      'credentials',
      uses.startsWith('actions/checkout@') && options['persist-credentials'] !== false,
      'leaves the token in .git for every later step',
    ],
    ['injection', run.includes('${{'), 'an expression in a script is a script: pass it as a variable'],
    ['install', /npm (install|i)\b|curl .*\| *(ba)?sh/.test(run), 'fetches what no lockfile names'],
  ];
}

function jobChecks(job: Job, meetsStrangers: boolean): readonly Check[] {
  const { permissions, container, uses, secrets, steps = [] } = job;
  return [
    ['permissions', permissions === undefined, 'names no permissions'],
    ['permissions', typeof permissions === 'string', 'asks for everything at once'],
    ['permissions', meetsStrangers && mayWrite(permissions), 'lets the code of a pull request write'],
    ['timeout', uses === undefined && job['timeout-minutes'] === undefined, 'may hang for six hours'],
    [
      'image',
      container !== undefined && !isExactImage(container.image ?? ''),
      'its container is no exact version',
    ],
    ['secrets', secrets === 'inherit', 'hands on every secret'],
    ['pinned', uses !== undefined && !isPinned(uses), `${uses} is whatever its owner makes of the tag`],
    ...steps.flatMap(stepChecks),
  ];
}

export function lintWorkflow(name: string, file: string): readonly Problem[] {
  const { on, permissions, jobs } = parse(file) as Workflow;
  const meetsStrangers = 'pull_request' in on;
  const checks: readonly (readonly [where: string, check: Check])[] = [
    [name, ['trigger', 'pull_request_target' in on, 'runs with secrets for the pull request of a stranger']],
    [name, ['trigger', 'workflow_run' in on, 'runs with secrets after the workflow of a stranger']],
    [name, ['permissions', !isEmpty(permissions), 'permissions are {}: each job names its own']],
    ...Object.entries(jobs).flatMap(([job, each]) =>
      jobChecks(each, meetsStrangers).map((check) => [`${name} ${job}`, check] as const),
    ),
  ];
  return checks
    .filter(([, [, isBroken]]) => isBroken)
    .map(([where, [rule, , message]]) => ({ rule, where, message }));
}

interface Dependabot {
  readonly updates: readonly {
    readonly 'package-ecosystem': string;
    readonly directory?: string;
    readonly directories?: readonly string[];
    readonly cooldown?: object;
  }[];
}

/** By ecosystem and folder: every lockfile of the repository, and what `npm run pin` pins. */
function wantedUpdates(): readonly string[] {
  const npm = packagesIn('.').map((folder) => `npm ${join('/', folder)}`);
  return [...npm, 'github-actions /', 'docker /deploy', 'docker-compose /deploy'];
}

/** The folders with a lockfile of their own. Not asked of git: a downloaded copy has no history. */
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
