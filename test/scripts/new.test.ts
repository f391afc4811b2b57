import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Clone, cloneProject, JEST, TSX } from '../helpers/clone.js';

let clone: Clone;
beforeEach(() => {
  clone = cloneProject();
});
afterEach(() => clone.remove());

function make(...args: string[]) {
  const command = [...TSX, 'scripts/new.ts', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: clone.folder,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('a new tool, resource and prompt pass format, lint, types and their own tests unchanged', () => {
  expect(make('tool', 'newly-made').status).toBe(0);
  expect(make('resource', 'newly_made', '--scopes', 'hours:read hours:list').status).toBe(0);
  expect(make('prompt', 'newly-made', '--scopes', '').status).toBe(0);

  const names = ['tools/newly-made', 'resources/newly-made', 'prompts/newly-made'];
  const tests = names.map((name) => `test/${name}.test.ts`);
  const files = [...names.map((name) => `src/${name}.ts`), ...tests];
  expect(clone.read('src/tools/index.ts')).toMatch(/^ {2}newlyMade,\n\];/m);
  expect(clone.read('src/tools/newly-made.ts')).toContain("scopes: ['newly-made:call']");
  expect(clone.read('src/resources/newly-made.ts')).toContain("scopes: ['hours:read', 'hours:list']");
  expect(clone.read('src/prompts/newly-made.ts')).toContain('scopes: []');

  clone.node('node_modules/oxlint/bin/oxlint', '--type-aware', '--type-check', '--deny-warnings', ...files);
  clone.node('node_modules/@biomejs/biome/bin/biome', 'format', ...files);
  clone.node(...JEST, ...tests);
}, 240_000);

test('nothing is written over, and a list that is none stops it before anything is written', () => {
  const file = 'src/tools/written-before.ts';
  writeFileSync(join(clone.folder, file), '// mine');
  expect(make('tool', 'written-before')).toMatchObject({ status: 1, stderr: `${file} is there already\n` });
  expect(clone.read(file)).toBe('// mine');

  writeFileSync(join(clone.folder, 'src/tools/index.ts'), 'export const tools = makeTools();\n');
  expect(make('tool', 'day-count')).toMatchObject({ status: 1, stderr: expect.stringContaining('no list') });
  expect(existsSync(join(clone.folder, 'src/tools/day-count.ts'))).toBe(false);
});

test.each([
  [['--help'], 0, 'npm run new'],
  [['gadget', 'a'], 64, 'name a kind'],
  [['tool', '../evil'], 64, 'a name has only'],
  [['tool', 'a', '--scopes', "x'y"], 64, 'a scope is'],
  [['tool', 'a', '--nonsense'], 64, 'nonsense'],
  [['tool', 'delete'], 1, 'cannot name a variable'],
])('%j ends with %i and says why', (args, code, words) => {
  const { status, stdout, stderr } = make(...args);
  expect([status, stdout + stderr]).toEqual([code, expect.stringContaining(words)]);
});
