import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { builtFile } from '../helpers/built.js';

function start(file: string, ...args: string[]) {
  const env = { PATH: process.env['PATH'], PORT: '0', ADMIN_PORT: '0' };
  return spawnSync(process.execPath, [builtFile(file), ...args], { env, encoding: 'utf8', input: '' });
}

test.each(['main.js', 'stdio.js'])('%s explains itself with --help, and serves nothing', (file) => {
  const { status, stdout, stderr } = start(file, '--help');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Usage: npm [^]*docs\/configuration\.md[^]*Exit code: 0 /);
});

test.each(['main.js', 'stdio.js'])(
  '%s refuses an argument that looks like a setting, and does not repeat it',
  (file) => {
    const { status, stdout, stderr } = start(file, '--api-key', 'hunter2');
    expect([status, stdout]).toEqual([78, '']);
    expect(stderr).toContain('The only argument is --help.');
    expect(stderr).not.toMatch(/hunter2|Serving/);
  },
);
