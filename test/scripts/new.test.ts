import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const TSX = ['--import', 'tsx'];
const JEST = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--ci', '-i'];
let clone: string;

beforeEach(() => {
  clone = realpathSync(mkdtempSync(join(tmpdir(), 'mcp-new-')));
  const isSource = (path: string) => !/^(node_modules|dist|coverage|\.git)$/.test(basename(path));
  cpSync('.', clone, { recursive: true, filter: isSource });
  symlinkSync(join(process.cwd(), 'node_modules'), join(clone, 'node_modules'), 'junction');
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

const read = (path: string) => readFileSync(join(clone, path), 'utf8');
const node = (...args: string[]) =>
  execFileSync(process.execPath, args, { cwd: clone, encoding: 'utf8', stdio: 'pipe' });

test('without its samples the template compiles, passes the tests of what they touched, and serves', async () => {
  node(...TSX, 'scripts/new.ts', '--remove-samples');

  for (const gone of ['src/tools/documents.ts', 'test/tools', 'examples/documents', 'scripts/new.ts']) {
    const isGone = !existsSync(join(clone, gone)) || node('-p', `fs.readdirSync('${gone}').length`) === '0\n';
    expect({ gone, isGone }).toEqual({ gone, isGone: true });
  }
  expect(read('README.md')).not.toMatch(/npm run (demo|new)/);
  expect(read('.env.example')).not.toContain('FILES_ROOT');
  node('node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json');
  node(...JEST, 'test/config.test.ts', 'test/config-docs.test.ts', 'test/doctor.test.ts');

  const { PATH = '', SystemRoot = '' } = process.env;
  const env = { PATH, SystemRoot, PORT: '0', ADMIN_PORT: '0', AUTH: 'none' };
  const server = spawn(process.execPath, [...TSX, 'src/main.ts'], { cwd: clone, env, stdio: 'pipe' });
  try {
    let url: string | undefined;
    for await (const line of createInterface({ input: server.stderr })) {
      url = /^Serving MCP on (\S+)$/.exec(line)?.[1];
      if (url !== undefined) break;
    }
    expect(node(...TSX, 'examples/client/main.ts', String(url), 'list')).toBe('Tools\nResources\nPrompts\n');
  } finally {
    server.kill('SIGTERM');
    await once(server, 'close');
  }
  expect(server.exitCode).toBe(0);
}, 120_000);

test('a list that was changed by hand stops it before anything is removed', () => {
  cpSync('src/prompts/index.ts', join(clone, 'src/resources/index.ts'));

  expect(() => node(...TSX, 'scripts/new.ts', '--remove-samples')).toThrow(
    'src/resources/index.ts no longer has',
  );

  expect(existsSync(join(clone, 'src/tools/documents.ts'))).toBe(true);
  expect(read('src/tools/index.ts')).toContain('processFiles');
});
