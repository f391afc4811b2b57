import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { type Clone, cloneProject, JEST, TSX, TYPES } from '../helpers/clone.js';
import { commitAll, git, GIT_ENV } from '../helpers/git.js';
import { templateTest } from './template-only.js';

/** Put together: a clone with this name has it in no other file of the template's. */
const NAME = ['my', 'server'].join('-');

let root: string;
let template: Clone;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'create-')));
  template = cloneProject();
  git(template.folder, 'init', '-q', '-b', 'main');
  writeFileSync(join(template.folder, '.git/info/exclude'), 'node_modules\n');
  template.node(...TSX, 'scripts/template.ts');
  commitAll(template.folder);
});
afterAll(() => {
  template.remove();
  rmSync(root, { recursive: true, force: true });
});

function create(...args: readonly string[]) {
  const command = [...TSX, 'scripts/create.ts', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: template.folder,
    encoding: 'utf8',
    env: { ...process.env, ...GIT_ENV },
  });
  return { status, said: stdout + stderr };
}

templateTest(
  'a clone has its name and no samples, is one commit, passes its checks and says what comes next',
  () => {
    const folder = join(root, NAME);
    writeFileSync(join(template.folder, 'not-committed.txt'), 'mine');

    expect(create(folder, '--name', NAME)).toEqual({
      status: 0,
      said: expect.stringContaining('npm ci && npm test'),
    });

    expect(git(folder, 'status', '--porcelain')).toBe('');
    expect(git(folder, 'log', '--format=%s')).toBe(`feat: ${NAME}, made from the template\n`);
    expect(git(folder, 'ls-files')).not.toMatch(/not-committed|node_modules|^src\/samples/m);
    expect(statSync(join(folder, '.ci/run')).mode & 0o111).not.toBe(0);
    const read = (path: string) => readFileSync(join(folder, path), 'utf8');
    expect(JSON.parse(read('package.json'))).toMatchObject({ name: NAME });
    expect(JSON.parse(read('template.json'))).toMatchObject({
      commit: git(template.folder, 'rev-parse', 'HEAD').trim(),
    });

    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'junction');
    const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    const checks = [
      TYPES,
      ['node_modules/@biomejs/biome/bin/biome', 'format', '.'],
      [
        ...JEST,
        'test/scripts/template.test.ts',
        'test/scripts/connect',
        'test/scripts/config-docs',
        'test/architecture',
      ],
    ];
    for (const check of checks) expect(node(...check)).toMatchObject({ status: 0 });
    expect(node(...TSX, 'src/doctor.ts').stdout).toContain('none of its files changed');
  },
  240_000,
);

templateTest(
  '--samples keeps them',
  () => {
    const folder = join(root, 'with-samples');
    expect(create(folder, '--name', NAME, '--samples').status).toBe(0);
    expect(readdirSync(join(folder, 'src/samples')).length).toBeGreaterThan(5);
  },
  60_000,
);

templateTest(
  'a folder that is not empty, a missing or wrong name: refused, and nothing is written',
  () => {
    const full = join(root, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'mine'), '');
    expect(create(full, '--name', NAME)).toEqual({ status: 1, said: 'The folder is not empty.\n' });
    expect(readdirSync(full)).toEqual(['mine']);

    const folder = join(root, 'none');
    expect(create(folder).status).toBe(64);
    expect(create('--name', NAME).status).toBe(64);
    expect(create(folder, '--name', '../up')).toEqual({
      status: 64,
      said: expect.stringContaining('Give one name'),
    });
    expect(create(folder, '--name', 'redis')).toEqual({
      status: 1,
      said: expect.stringContaining('already means something'),
    });
    expect(existsSync(folder)).toBe(false);
  },
  60_000,
);
