import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { pages, read } from '../helpers/pages.js';

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const ours = Object.entries(scripts).filter(([, command]) => command.startsWith('tsx '));

/** The options with which the pages call each command. */
const named = new Map<string, Set<string>>();
for (const page of pages()) {
  for (const [, name = '', args = ''] of read(page).matchAll(/\bnpm run (?:-s )?([\w:-]+) -- ([^`\n|#]+)/g)) {
    const options = args.match(/(?<=^|\s)--[a-z][\w-]*/g) ?? [];
    named.set(name, new Set([...(named.get(name) ?? []), ...options]));
  }
}

test('every command of ours explains itself and all that the pages call it with, ends with 0, and writes no colour codes', async () => {
  const helps = await Promise.all(
    ours.map(async ([name, command]) => {
      const child = spawn(process.execPath, ['--import', 'tsx', ...command.split(' ').slice(1), '--help'], {
        env: { PATH: process.env['PATH'], FORCE_COLOR: '' },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [stdout, code] = await Promise.all([
        text(child.stdout),
        new Promise((resolve) => child.once('close', resolve)),
      ]);
      const options: readonly string[] = stdout.match(/--[a-z][\w-]*/g) ?? [];
      const unexplained = [...(named.get(name) ?? [])].filter((option) => !options.includes(option));
      return {
        name,
        code,
        unexplained,
        explains: stdout.includes(`npm run ${name}`),
        colours: stdout.includes('\u001b'),
      };
    }),
  );
  expect(helps.length).toBeGreaterThan(10);
  for (const { name, ...help } of helps)
    expect({ name, ...help }).toEqual({ name, code: 0, unexplained: [], explains: true, colours: false });
}, 240_000);
