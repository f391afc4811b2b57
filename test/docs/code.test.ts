/** The code of the pages goes into clones of the project, compiles there, and its tests pass. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TYPES } from '../helpers/clone.js';
import { type Block, blocks, type Clones, clonesWith, pages, read } from '../helpers/pages.js';

describe('the code of the pages', () => {
  const codeOf = (path: string) => blocks(read(path)).filter(({ language }) => language === 'ts');
  const shown = pages()
    .filter((path) => !/^docs\/(?:add-a|larger)-tool\.md$/.test(path)) // a test follows each
    .map((path) => ({ path, code: codeOf(path) }))
    .filter(({ code }) => code.length > 0);
  const isTest = ({ path }: Block) => path.endsWith('.test.ts');
  const node = (cwd: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
    return { status, output: status === 0 ? '' : stdout + stderr };
  };
  let clones: Clones;
  beforeAll(() => {
    clones = clonesWith(shown);
  });
  afterAll(() => clones.remove());

  test('names the files it goes into', () => {
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.filter(({ code }) => code.some((block) => block.path === ''))).toEqual([]);
  });

  test('compiles', () => {
    expect(node(clones.folder, ...TYPES)).toEqual({ status: 0, output: '' });
  }, 60_000);

  test.each(shown.filter(({ code }) => code.some(isTest)).map(({ path }) => path))(
    'has tests that pass: %s',
    (path) => {
      const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--ci', '-i'];
      expect(node(clones.of(path), ...jest)).toEqual({ status: 0, output: '' });
    },
    60_000,
  );
});
