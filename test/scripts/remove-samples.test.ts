import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Clone, cloneProject, JEST, TSX, TYPES } from '../helpers/clone.js';

let clone: Clone;
let node: Clone['node'];
let read: Clone['read'];
const pathOf = (path: string) => join(clone.folder, path);

beforeEach(() => {
  clone = cloneProject();
  ({ node, read } = clone);
});
afterEach(() => clone.remove());

test('without its samples the template compiles, passes the tests of what they touched, and serves', async () => {
  const said = node(...TSX, 'scripts/new.ts', '--remove-samples');

  for (const gone of ['src/samples', 'test/samples', 'examples/documents', 'scripts/demo.ts']) {
    expect(said).toContain(`  ${gone}\n`);
    const isGone = !existsSync(pathOf(gone)) || readdirSync(pathOf(gone)).length === 0;
    expect({ gone, isGone }).toEqual({ gone, isGone: true });
  }
  expect(said).toMatch(/^Removed:\n[^]*\nChanged:\n[^]* {2}README\.md\n/);
  expect(read('README.md')).not.toContain('npm run demo');
  expect(read('.env.example')).not.toContain('FILES_ROOT');
  node(...TYPES);
  node(
    ...JEST,
    'test/server/config/index.test.ts',
    'test/scripts/config-docs.test.ts',
    'test/docs/blocks',
    'test/docs/commands',
  );

  const { PATH = '', SystemRoot = '' } = process.env;
  const env = { PATH, SystemRoot, PORT: '0', ADMIN_PORT: '0', AUTH: 'none' };
  const server = spawn(process.execPath, [...TSX, 'src/main.ts'], { cwd: clone.folder, env, stdio: 'pipe' });
  try {
    let url: string | undefined;
    for await (const line of createInterface({ input: server.stderr })) {
      url = /^Serving MCP on (\S+)$/.exec(line)?.[1];
      if (url !== undefined) break;
    }
    expect(node(...TSX, 'examples/client/main.ts', String(url), 'list')).not.toMatch(/process_files|whoami/);
  } finally {
    server.kill('SIGTERM');
    await once(server, 'close');
  }
  expect(server.exitCode).toBe(0);
}, 240_000);

test('a list that was changed by hand stops it before anything is removed', () => {
  cpSync('src/prompts/index.ts', pathOf('src/resources/index.ts'));

  expect(() => node(...TSX, 'scripts/new.ts', '--remove-samples')).toThrow(
    'src/resources/index.ts no longer has',
  );

  expect(existsSync(pathOf('src/samples/documents.ts'))).toBe(true);
  expect(read('src/tools/index.ts')).toContain('processFiles');
});
