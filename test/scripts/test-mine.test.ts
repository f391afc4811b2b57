import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Clone, cloneProject } from '../helpers/clone.js';

const MINUTES = 240_000;
const OWN = ['tools', 'resources', 'prompts', 'samples'];

let clone: Clone;
beforeAll(() => {
  clone = cloneProject();
});
beforeEach(() => {
  for (const folder of OWN) rmSync(join(clone.folder, 'test', folder), { recursive: true, force: true });
  rmSync(join(clone.folder, 'src/tools/own.ts'), { force: true });
});
afterAll(() => clone.remove());

function write(path: string, text: string): void {
  mkdirSync(join(clone.folder, path, '..'), { recursive: true });
  writeFileSync(join(clone.folder, path), text);
}

function testMine() {
  const command = ['run', '-s', 'test:mine'];
  const { status, stdout, stderr } = spawnSync('npm', command, { cwd: clone.folder, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

function ownTest(result: string): string {
  return `import { expect, test } from '@jest/globals';\n\ntest('it is so', () => expect(true).toBe(${result}));\n`;
}

test(
  'test:mine passes for a server that has no test of its own yet',
  () => {
    expect(testMine()).toMatchObject({ status: 0 });
  },
  MINUTES,
);

test(
  'test:mine runs the tests of every folder of your own and no other, and fails when one of them fails',
  () => {
    for (const folder of OWN)
      write(`test/${folder}/own.test.ts`, ownTest(folder === 'prompts' ? 'false' : 'true'));

    const { status, output } = testMine();

    expect(status).toBe(1);
    const ran = [...output.matchAll(/^(PASS|FAIL) .*test\/(.+)\.test\.ts/gm)].map(
      ([, how, path]) => `${how} ${path}`,
    );
    expect(new Set(ran)).toEqual(
      new Set(['PASS tools/own', 'PASS resources/own', 'FAIL prompts/own', 'PASS samples/own']),
    );
  },
  MINUTES,
);

test(
  'test:mine fails for a mistake of types in your own code, and names the line',
  () => {
    write('src/tools/own.ts', 'export const seconds: number = "ten";\n');

    const { status, output } = testMine();

    expect(status).not.toBe(0);
    expect(output).toContain('src/tools/own.ts(1,14)');
  },
  MINUTES,
);
