import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Clone, cloneProject } from '../helpers/clone.js';

let clone: Clone;
beforeAll(() => {
  clone = cloneProject();
  writeFileSync(
    join(clone.folder, '.env'),
    'API_KEYS_FILE=own-keys.json\nAUDIT_MODE=batch\nPORT=0\nADMIN_PORT=0\n',
  );
});
afterAll(() => clone.remove());

function npmRun(args: string, env: Record<string, string> = {}) {
  const { PATH = '' } = process.env;
  return spawnSync('npm', ['run', '-s', ...args.split(' ')], {
    cwd: clone.folder,
    env: { PATH, ...env },
    encoding: 'utf8',
  });
}

test('npm run key and npm run doctor read the .env that npm start reads', () => {
  expect(npmRun('key -- create --name me --scopes a').stdout).toMatch(/^mcp_live_/);
  expect(existsSync(join(clone.folder, 'own-keys.json'))).toBe(true);

  const { stdout } = npmRun('doctor');
  expect(stdout).toMatch(/^ +audit +batch/m);
  expect(stdout).toContain('own-keys.json');
}, 60_000);

test('a variable that is set stays, and production reads no .env', () => {
  expect(npmRun('doctor', { AUDIT_MODE: 'strict' }).stdout).toMatch(/^ +audit +strict/m);
  expect(npmRun('doctor', { NODE_ENV: 'production' }).stdout).toMatch(/^ +audit +strict/m);
}, 60_000);
