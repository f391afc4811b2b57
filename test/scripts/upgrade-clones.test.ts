/** Three clones of this template, as people make them, get a newer version of it. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { type Clone, cloneProject, JEST, TSX, TYPES } from '../helpers/clone.js';
import { commitAll, git, GIT_ENV } from '../helpers/git.js';
import { templateTest } from './template-only.js';

const LAYER = 'src/server/layers/security-headers.ts';
const LAYER_TEST = 'test/server/layers/security-headers.test.ts';
const MANIFEST = 'deploy/kubernetes/base/deployment.yaml';
const NAME = ['harbour', 'desk'].join('-');

let root: string;
let template: Clone;

/** @throws when there is nothing to replace */
function edit(folder: string, path: string, text: string, instead: string): void {
  const before = readFileSync(join(folder, path), 'utf8');
  if (!before.includes(text)) throw new Error(`${path} no longer has ${text}`);
  writeFileSync(join(folder, path), before.replace(text, instead));
}

/** The same project in another folder, with the packages of this one. */
function inFolder(folder: string): Clone {
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'junction');
  // Without a `/`, since it is a link here.
  writeFileSync(join(folder, '.git/info/exclude'), 'node_modules\n');
  return {
    ...template,
    folder,
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    node: nodeIn(folder),
  };
}
const nodeIn =
  (folder: string): Clone['node'] =>
  (...args) => {
    const { status, stdout, stderr } = run(folder, ...args);
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
const run = (folder: string, ...args: string[]) =>
  spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, ...GIT_ENV } });

function releaseNewer({ folder, node }: Clone): void {
  edit(
    folder,
    LAYER,
    "[['Cache-Control', 'no-store']]",
    "[['Cache-Control', 'no-store'], ['X-Fixed', 'yes']]",
  );
  edit(
    folder,
    LAYER_TEST,
    "'cache-control': 'no-store',",
    "'cache-control': 'no-store',\n    'x-fixed': 'yes',",
  );
  edit(folder, 'src/samples/whoami.ts', "title: 'Who am I?'", "title: 'Who?'");
  writeFileSync(join(folder, 'src/samples/newer.ts'), '/** A sample that nobody asked for. */\n');
  edit(folder, 'README.md', 'commands to paste', 'commands ready to paste');
  edit(
    folder,
    'src/server/config/schema.ts',
    '  LOG_LEVEL: variable(',
    "  BRAND_NEW: variable('What the newer version adds', oneOf('yes', 'no'), 'no'),\n  LOG_LEVEL: variable(",
  );
  edit(folder, 'package.json', '"helmet": "^', '"helmet": "^8.0.0 || ^');
  edit(folder, 'package.json', '"version": "0.1.0"', '"version": "0.2.0"');
  edit(folder, MANIFEST, 'revisionHistoryLimit: 5', 'revisionHistoryLimit: 4');
  node('node_modules/@biomejs/biome/bin/biome', 'format', '--write', '.');
  for (const generator of ['config-docs', 'clients-docs', 'template'])
    node(...TSX, `scripts/${generator}.ts`);
  commitAll(folder, 'v0.2.0');
}

function upgrade(clone: Clone) {
  commitAll(clone.folder);
  const { status, stdout, stderr } = run(
    clone.folder,
    ...TSX,
    'scripts/upgrade.ts',
    '--from',
    template.folder,
  );
  return { status, said: stdout + stderr };
}

/** What the upgrade says comes next; the packages are here already. */
function expectGreen(clone: Clone, ...tests: readonly string[]): void {
  for (const generator of ['config-docs', 'clients-docs']) clone.node(...TSX, `scripts/${generator}.ts`);
  clone.node(...TYPES);
  clone.node('node_modules/@biomejs/biome/bin/biome', 'format', '.');
  clone.node(
    ...JEST,
    LAYER_TEST,
    'test/server/config/index.test.ts',
    'test/scripts/config-docs',
    'test/scripts/connect',
    'test/architecture',
    ...tests,
  );
}

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'three-clones-')));
  template = cloneProject();
  git(template.folder, 'init', '-q', '-b', 'main');
  writeFileSync(join(template.folder, '.git/info/exclude'), 'node_modules\n');
  template = { ...template, node: nodeIn(template.folder) };
  template.node(...TSX, 'scripts/template.ts');
  commitAll(template.folder, 'v0.1.0');
});
afterAll(() => {
  template?.remove();
  rmSync(root, { recursive: true, force: true });
});

templateTest(
  'a renamed clone with a tool of its own, one without samples and history, one that edited the fixed layer',
  () => {
    const folder = (name: string) => join(root, name);
    git(root, 'clone', '-q', template.folder, 'renamed');
    const renamed = inFolder(folder('renamed'));
    renamed.node(...TSX, 'scripts/new.ts', 'tool', 'own-tool');
    renamed.node(...TSX, 'scripts/rename.ts', NAME);

    template.node(...TSX, 'scripts/create.ts', folder('bare'), '--name', ['bare', 'desk'].join('-'));
    const bare = inFolder(folder('bare'));

    git(root, 'clone', '-q', template.folder, 'edited');
    const edited = inFolder(folder('edited'));
    edit(edited.folder, LAYER, "[['Cache-Control', 'no-store']]", "[['Cache-Control', 'no-cache']]");

    releaseNewer(template);

    for (const clone of [renamed, bare]) {
      const { status, said } = upgrade(clone);
      expect([status, said]).toEqual([0, expect.stringContaining('Upgraded 0.1.0 to 0.2.0')]);
      expect(said).not.toContain('CONFLICT');
      for (const line of ['src/server/config/schema.ts', LAYER, MANIFEST, 'package.json', 'template.json'])
        expect(said).toMatch(new RegExp(`^ {2}(?:replaced|merged) +${line}$`, 'm'));
      expect(clone.read(MANIFEST)).toContain('revisionHistoryLimit: 4');
      expect(clone.read('package.json')).toMatch(/"version": "0\.1\.0"[^]*"helmet": "\^8\.0\.0 \|\| \^/);
      expect(existsSync(join(clone.folder, 'src/samples/newer.ts'))).toBe(false);
    }
    expect(renamed.read(MANIFEST)).toContain(`name: ${NAME}`);
    expect(renamed.read('src/samples/whoami.ts')).toContain('Who am I?');
    expectGreen(renamed, 'test/tools/own-tool.test.ts', 'test/samples/sample-tools');
    expect(renamed.read('.env.example')).toContain('BRAND_NEW');

    expect(existsSync(join(bare.folder, 'src/samples'))).toBe(false);
    expect(bare.read('README.md')).not.toContain('npm run demo');
    expectGreen(bare);
    expect(bare.read('.env.example')).toContain('BRAND_NEW');
    expect(bare.read('.env.example')).not.toContain('FILES_ROOT');

    const { status, said } = upgrade(edited);
    expect(status).toBe(1);
    expect(said.match(/^ {2}CONFLICT .*/gm)).toEqual([`  CONFLICT  ${LAYER}`]);
    expect(said).toMatch(/choosing between your lines \(after <<<<<<<\)[^]*git add FILE/);
    expect(edited.read(LAYER)).toMatch(/^<<<<<<< [^]*no-cache[^]*^=======[^]*X-Fixed[^]*^>>>>>>> template$/m);
    expect(git(edited.folder, 'diff', '--name-only', '--diff-filter=U')).toBe(`${LAYER}\n`);
  },
  400_000,
);
