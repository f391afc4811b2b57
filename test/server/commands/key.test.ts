import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { apiKeyVerifier } from '../../../src/server/identity/api-key.js';
import { builtFile } from '../../helpers/built.js';
import { shownFor } from '../../docs/shell-blocks.js';
import { openShell, type Shell, standInForNpm } from '../../helpers/shell.js';

let folder: string;
let file: string;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function key(...args: readonly string[]): Promise<Outcome> {
  const env = { ...process.env, API_KEYS_FILE: file };
  return new Promise((resolve) => {
    execFile(process.execPath, [builtFile('key.js'), ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

const create = (...more: readonly string[]) => key('create', '--name', 'Ann', '--scopes', 'a b', ...more);
const idOf = (secret: string) => secret.split('_')[2] ?? '';
/** `undefined` when the secret is refused. */
const scopesOf = async (path: string, secret: string) => {
  const verifier = await apiKeyVerifier({ file: path });
  return verifier.verify(secret.trim()).then(
    ({ scopes }) => scopes,
    () => undefined,
  );
};
const accepts = async ({ stdout }: Outcome) => (await scopesOf(file, stdout)) !== undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  file = join(folder, 'keys.json');
});
afterEach(() => rm(folder, { recursive: true }));

describe('by the commands of the pages', () => {
  const shown = shownFor('server/commands/key').map(({ text }) => text);
  const isCreating = (commands: string) => commands.includes(' create ');
  const FILE = 'api-keys.json';
  let shell: Shell;
  beforeEach(() => {
    shell = openShell();
    standInForNpm(shell);
  });
  afterEach(() => shell.remove());

  test('a key is printed once, works, is listed, gets a new secret, and stops working when revoked', async () => {
    const secrets = new Map<string, string>();
    for (const command of shown.filter(isCreating)) {
      const [, path = '', scopes = ''] = /--file (\S+) .*--scopes "([^"]+)"/.exec(command) ?? [];
      const made = join(shell.folder, path);
      await mkdir(dirname(made), { recursive: true });
      const { stdout } = await shell.run(command);
      secrets.set(path, stdout.trim());

      expect(stdout).toMatch(/^mcp_live_\w+\n$/);
      expect(await scopesOf(made, stdout)).toEqual(scopes.split(' '));
      expect((await stat(made)).mode & 0o777).toBe(0o600);
    }
    const own = join(shell.folder, FILE);
    const secret = String(secrets.get(FILE));
    const { keys } = JSON.parse(await readFile(own, 'utf8')) as { keys: { secrets: { hash: string }[] }[] };
    const others = shown.filter((commands) => !isCreating(commands)).join('');
    const { stdout, stderr } = await shell.run(others.replaceAll(/\bID\b/g, idOf(secret)));
    const [changed = ''] = /^mcp_live_\w+$/m.exec(stdout) ?? [];

    expect(stdout).toContain(`${idOf(secret)}\tactive`);
    expect(stdout).not.toContain(keys[0]?.secrets[0]?.hash);
    expect(stdout).not.toContain(secret);
    expect([idOf(changed), stderr]).toEqual([idOf(secret), expect.stringContaining('is revoked')]);
    expect([await scopesOf(own, secret), await scopesOf(own, changed)]).toEqual([undefined, undefined]);
  }, 60_000);
});

test('a rotation keeps the old secret for the overlap, or not at all', async () => {
  const first = await create();
  const second = await key('rotate', idOf(first.stdout));
  expect([await accepts(first), await accepts(second)]).toEqual([true, true]);

  const third = await key('rotate', idOf(first.stdout), '--overlap', '0s');
  expect([await accepts(first), await accepts(second), await accepts(third)]).toEqual([false, false, true]);
}, 30_000);

test('keys made at the same moment are all kept, and nothing else is left in the folder', async () => {
  const created = await Promise.all([create(), create(), create()]);

  expect(await Promise.all(created.map(accepts))).toEqual([true, true, true]);
  expect(await readdir(folder)).toEqual(['keys.json']);
}, 30_000);

test('a symbolic link stays one', async () => {
  const real = join(folder, 'real.json');
  await writeFile(real, '{"version":1,"keys":[]}');
  await symlink(real, file);
  await create();

  expect(await readFile(real, 'utf8')).toContain('Ann');
  expect(await readdir(folder)).toEqual(['keys.json', 'real.json']);
}, 30_000);

test('what cannot be done is said, changes nothing and has its exit code', async () => {
  await writeFile(file, 'not a key file');
  await chmod(file, 0o600);
  const outcomes = await Promise.all([
    key('create', '--name', 'Ann'),
    key('create', '--name', 'Ann', '--scopes', 'a"b'),
    key('create', '--name', 'Ann', '--scopes', '*'),
    key('create', '--name', 'Ann', '--scopes', 'a,*'),
    key('create', '--name', 'A\u001b[2J', '--scopes', 'a'),
    create('--unknown'),
    create(),
    key('revoke', 'nobody'),
  ]);

  expect(outcomes.map(({ code }) => code)).toEqual([64, 64, 64, 64, 64, 64, 1, 1]);
  for (const { stdout, stderr } of outcomes) {
    expect(stdout).toBe('');
    expect(stderr).not.toContain('    at ');
  }
  expect(await readFile(file, 'utf8')).toBe('not a key file');
  expect(await key('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage') });
}, 60_000);
