import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const ours = Object.entries(scripts).filter(([, command]) => command.startsWith('tsx '));

test('every command of ours explains itself with --help, ends with 0, and writes no colour codes', async () => {
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
      return { name, code, explains: stdout.includes(`npm run ${name}`), colours: stdout.includes('\u001b') };
    }),
  );
  expect(helps.length).toBeGreaterThan(10);
  for (const { name, ...help } of helps)
    expect({ name, ...help }).toEqual({ name, code: 0, explains: true, colours: false });
}, 240_000);
