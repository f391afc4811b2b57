/** `npm run upgrade` on a template of a few files; `upgrade-clones.test.ts` has the whole one. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { commitAll, git, GIT_ENV } from '../helpers/git.js';

let root: string;
let template: string;
let clone: string;
const read = (path: string) => readFileSync(join(clone, path), 'utf8');
const has = (path: string) => existsSync(join(clone, path));

const LINES = 'abcdefghijkl'.split('').join('\n');
const OWNERS = {
  from: '',
  template: ['src/server/'],
  yours: ['src/'],
  generated: ['template.json', '.env.example'],
  samples: ['src/samples/', 'demo.ts', 'demos/'],
};

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
const templateFile = (version: string) =>
  json({ version, ...OWNERS, digests: { 'src/server/a.ts': version } });
const manifest = (name: string, version: string, dependencies: Readonly<Record<string, string>>) =>
  json({ name, version, dependencies });

/** Another version of the template, with a tag. */
function release(version: string, files: Readonly<Record<string, string>>): void {
  write(template, { 'template.json': templateFile(version), ...files });
  commitAll(template, `v${version}`);
}

function upgrade(...args: readonly string[]) {
  const command = ['--import', resolve('node_modules/tsx/dist/loader.mjs'), resolve('scripts/upgrade.ts')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command, '--from', template, ...args], {
    cwd: clone,
    encoding: 'utf8',
    env: { ...process.env, ...GIT_ENV },
  });
  return { status, said: stdout + stderr };
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'upgrade-test-')));
  [template, clone] = [join(root, 'template'), join(root, 'clone')];
  write(template, {
    'package.json': manifest('their-server', '0.1.0', { express: '1', zod: '1' }),
    'src/server/a.ts': LINES,
    'src/server/gone.ts': 'gone\n',
    'src/tools/index.ts': 'sample\n',
    'src/samples/one.ts': 'one\n',
    'deploy/image.yaml': `image: their-server\n${LINES}`,
    'demo.ts': 'demo\n',
    'biome.json': json({ formatter: { indentStyle: 'space' } }),
  });
  git(root, 'init', '-q', '-b', 'main', 'template');
  release('0.1.0', {});
  git(root, 'clone', '-q', 'template', 'clone');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** As "Use this template" of a code host does it. */
function forgetHistory(): void {
  rmSync(join(clone, '.git'), { recursive: true });
  git(clone, 'init', '-q', '-b', 'main');
  commitAll(clone);
}

test.each(['with', 'without'])(
  'a clone %s shared history gets what changed, and keeps what is its own',
  (history) => {
    write(clone, { 'src/tools/index.ts': 'mine\n', 'src/server/a.ts': `${LINES}\nmine` });
    if (history === 'without') forgetHistory();
    else commitAll(clone);
    release('0.2.0', {
      'src/server/a.ts': `fixed\n${LINES}`,
      'src/server/new.ts': 'new\n',
      'src/tools/index.ts': 'another sample\n',
      'src/samples/one.ts': 'another\n',
    });
    git(template, 'rm', '-q', 'src/server/gone.ts');
    release('0.2.1', { 'src/server/new.ts': 'newer\n' });

    expect(upgrade()).toEqual({
      status: 0,
      said: expect.stringContaining(
        [
          'Upgraded 0.1.0 to 0.2.1:',
          '  merged    src/server/a.ts',
          '  deleted   src/server/gone.ts',
          '  added     src/server/new.ts',
          '  replaced  template.json',
          'Next: npm install',
        ].join('\n'),
      ),
    });
    expect(read('src/server/a.ts')).toBe(`fixed\n${LINES}\nmine`);
    expect([read('src/tools/index.ts'), read('src/samples/one.ts')]).toEqual(['mine\n', 'one\n']);
    expect(JSON.parse(read('template.json'))).toMatchObject({
      version: '0.2.1',
      commit: git(template, 'rev-parse', 'HEAD').trim(),
    });

    commitAll(clone);
    expect(upgrade()).toEqual({ status: 0, said: 'Nothing to do: you have all of it.\n' });
    expect(upgrade('--to', 'v0.1.0')).toEqual({ status: 0, said: 'Nothing to do: you have all of it.\n' });
  },
);

test('--to takes one version and the next upgrade goes on from there, with or without tags of it', () => {
  forgetHistory();
  release('0.2.0', { 'src/server/a.ts': `two\n${LINES}` });
  release('0.3.0', { 'src/server/a.ts': `two\n${LINES}\nthree` });

  expect(upgrade('--to', 'v0.2.0').said).toContain('Upgraded 0.1.0 to 0.2.0');
  expect(read('src/server/a.ts')).toBe(`two\n${LINES}`);
  commitAll(clone);
  git(template, 'tag', '-d', 'v0.1.0', 'v0.2.0', 'v0.3.0');
  expect(upgrade().said).toContain('Upgraded 0.2.0 to 0.3.0');
  expect(read('src/server/a.ts')).toBe(`two\n${LINES}\nthree`);
  expect(upgrade('--to', 'v9.0.0').status).toBe(2);
});

test('without tags and shared history the beginning of a clone is found by its digests', () => {
  forgetHistory();
  release('0.2.0', { 'src/server/a.ts': `two\n${LINES}` });
  git(template, 'tag', '-d', 'v0.1.0', 'v0.2.0');

  expect(upgrade()).toEqual({ status: 0, said: expect.stringContaining('  replaced  src/server/a.ts') });
  expect(read('src/server/a.ts')).toBe(`two\n${LINES}`);
});

test('a conflict is one for git: in the file that both changed, until it is added', () => {
  write(clone, { 'src/server/a.ts': LINES.replace('f', 'mine') });
  commitAll(clone);
  release('0.2.0', { 'src/server/a.ts': LINES.replace('f', 'theirs'), 'src/server/new.ts': 'new\n' });

  const { status, said } = upgrade();

  expect(status).toBe(1);
  expect(said).toContain('  CONFLICT  src/server/a.ts\n  added     src/server/new.ts\n');
  expect(said).toMatch(/choosing between your lines \(after <<<<<<<\)[^]*git add FILE[^]*git reset --hard/);
  expect(read('src/server/a.ts')).toMatch(/<<<<<<< \S+\nmine\n=======\ntheirs\n>>>>>>> template\n/);
  expect(git(clone, 'status', '--porcelain')).toMatch(/^UU src\/server\/a\.ts$/m);
  write(clone, { 'src/server/a.ts': LINES });
  commitAll(clone);
  expect(upgrade().said).toContain('Nothing to do');
});

test('--check says the same, with the same exit code, and changes nothing', () => {
  write(clone, { 'src/server/a.ts': 'mine' });
  commitAll(clone);
  release('0.2.0', { 'src/server/a.ts': 'theirs' });
  const before = [git(clone, 'rev-parse', 'HEAD'), git(clone, 'count-objects', '-v')];

  const { status, said } = upgrade('--check');

  expect([status, said]).toEqual([1, expect.stringContaining('  CONFLICT  src/server/a.ts')]);
  expect(said).toContain('nothing is changed');
  expect(read('src/server/a.ts')).toBe('mine');
  expect(git(clone, 'status', '--porcelain')).toBe('');
  expect([git(clone, 'rev-parse', 'HEAD'), git(clone, 'count-objects', '-v')]).toEqual(before);
});

test('what is not committed, another folder, another source, a wrong argument: refused with 2', () => {
  release('0.2.0', { 'src/server/a.ts': 'theirs' });
  write(clone, { 'unknown.txt': 'mine' });
  expect(upgrade()).toEqual({ status: 2, said: expect.stringContaining('uncommitted') });
  rmSync(join(clone, 'unknown.txt'));

  const secret = upgrade('--from', 'https://user:password@127.0.0.1:1/none');
  expect(secret).toEqual({ status: 2, said: expect.stringContaining('cannot read the source') });
  expect(secret.said).not.toContain('password');
  expect(upgrade('--form', 'x').status).toBe(2);
  expect(upgrade('--from', `--upload-pack=touch ${root}/ran`).status).toBe(2);
  expect(existsSync(join(root, 'ran'))).toBe(false);

  write(clone, { 'template.json': templateFile('0.0.9') });
  commitAll(clone);
  expect(upgrade()).toEqual({ status: 2, said: expect.stringContaining('Is it the right source?') });
  const [folder, sub] = [clone, join(clone, 'src')];
  clone = sub;
  expect(upgrade()).toEqual({ status: 2, said: expect.stringContaining('root of a git repository') });
  clone = folder;
  expect(read('src/server/a.ts')).toBe(LINES);
});

test('an untracked file that git ignores is never overwritten', () => {
  write(clone, { '.gitignore': 'local.txt\n' });
  commitAll(clone);
  write(clone, { 'local.txt': 'mine' });
  release('0.2.0', { 'local.txt': 'theirs' });

  expect(upgrade()).toEqual({ status: 2, said: expect.stringContaining('local.txt') });
  expect(read('local.txt')).toBe('mine');
  expect(git(clone, 'status', '--porcelain')).toBe('');
});

test('another name and a clone without samples are no conflicts; neither comes back', () => {
  write(clone, {
    'package.json': manifest('own-desk-of-a-clone', '3.0.0', { express: '1', mine: '1', zod: '1' }),
    'deploy/image.yaml': `image: own-desk-of-a-clone\n${LINES}`,
  });
  for (const path of ['src/samples', 'demo.ts']) rmSync(join(clone, path), { recursive: true });
  commitAll(clone);
  release('0.2.0', {
    'package.json': manifest('their-server', '0.2.0', { express: '2', jose: '1', zod: '1' }),
    'deploy/image.yaml': `image: their-server\nnewer: their-server-redis\n${LINES}`,
    'src/samples/one.ts': 'another\n',
    'src/samples/two.ts': 'new\n',
    'demo.ts': 'newer\n',
    'demos/new.ts': 'new\n',
  });

  const { status, said } = upgrade();

  expect([status, said]).toEqual([0, expect.not.stringContaining('left out')]);
  expect(JSON.parse(read('package.json'))).toEqual({
    name: 'own-desk-of-a-clone',
    version: '3.0.0',
    dependencies: { express: '2', jose: '1', mine: '1', zod: '1' },
  });
  expect(read('deploy/image.yaml')).toBe(
    `image: own-desk-of-a-clone\nnewer: own-desk-of-a-clone-redis\n${LINES}`,
  );
  expect([has('src/samples'), has('demo.ts'), has('demos')]).toEqual([false, false, false]);
});

test('a dependency that both changed is a conflict in package.json, not a choice of ours', () => {
  write(clone, { 'package.json': manifest('their-server', '0.1.0', { express: '3', zod: '1' }) });
  commitAll(clone);
  release('0.2.0', { 'package.json': manifest('their-server', '0.2.0', { express: '2', zod: '1' }) });

  expect(upgrade()).toMatchObject({ status: 1, said: expect.stringContaining('  CONFLICT  package.json') });
});

test('a file that the clone deleted stays away, and is named when the template changed it', () => {
  git(clone, 'rm', '-q', 'src/server/gone.ts');
  commitAll(clone);
  release('0.2.0', { 'src/server/gone.ts': 'changed\n' });

  const { status, said } = upgrade();
  expect([status, said]).toEqual([0, expect.stringContaining('  left out  src/server/gone.ts')]);
  expect(has('src/server/gone.ts')).toBe(false);
});

test('a file that both added differently is a conflict, and so is one that the template deleted and the clone changed', () => {
  write(clone, { 'src/server/gone.ts': 'mine\n', 'src/server/new.ts': 'mine\n' });
  commitAll(clone);
  git(template, 'rm', '-q', 'src/server/gone.ts');
  release('0.2.0', { 'src/server/new.ts': 'theirs\n' });

  const { status, said } = upgrade();
  expect([status, said]).toEqual([
    1,
    expect.stringContaining('  CONFLICT  src/server/gone.ts\n  CONFLICT  src/server/new.ts'),
  ]);
  expect(git(clone, 'status', '--porcelain')).toMatch(/^UD src\/server\/gone\.ts\nAA src\/server\/new\.ts$/m);
  expect(read('src/server/gone.ts')).toBe('mine\n');
});

test('executable bits and symbolic links are kept; a link is never followed out of the clone', () => {
  const outside = join(root, 'outside');
  mkdirSync(outside);
  symlinkSync(outside, join(clone, 'linked'));
  commitAll(clone);
  write(template, { 'src/server/run.sh': 'echo\n', 'linked/file.txt': 'theirs\n' });
  chmodSync(join(template, 'src/server/run.sh'), 0o755);
  symlinkSync(join(outside, 'target'), join(template, 'src/server/link'));
  write(outside, { target: 'their-server' });
  release('0.2.0', {});

  const { said } = upgrade();

  expect(said).toContain('src/server/run.sh');
  expect(readFileSync(join(outside, 'target'), 'utf8')).toBe('their-server');
  expect(existsSync(join(outside, 'file.txt'))).toBe(false);
  expect(lstatSync(join(clone, 'src/server/link')).isSymbolicLink()).toBe(true);
  expect(statSync(join(clone, 'src/server/run.sh')).mode & 0o111).not.toBe(0);
});

test('nothing of the newer version runs before somebody could read it', () => {
  const trap = join(root, 'ran');
  const touch = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(trap)}, '');`;
  release('0.2.0', { 'scripts/rename.ts': touch, 'scripts/new.ts': touch, 'scripts/config-docs.ts': touch });

  expect(upgrade().status).toBe(0);
  expect(has('scripts/rename.ts')).toBe(true);
  expect(existsSync(trap)).toBe(false);
});
