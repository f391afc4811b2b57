import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { examine } from '../../../src/server/commands/doctor.js';
import { defineTool } from '../../../src/server/mcp/definitions/tool.js';
import { builtFile } from '../../helpers/built.js';
import { SETTINGS } from '../../settings.js';

/** The command as it was built, in a process, in an environment that holds nothing but `env`, ports and settings of its own. */
function doctor(env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtFile('doctor.js'), ...args], {
    env: { PORT: '0', ADMIN_PORT: '0', ...SETTINGS, ...env },
    cwd: tmpdir(), // where no clone has pinned its definitions
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('npm run doctor', () => {
  test('shows the posture layer by layer and exits 0 when nothing is wrong', () => {
    const { status, stdout, stderr } = doctor({});
    expect(status).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain('No problem found.');
    for (const layer of [
      'host guard',
      'origin guard',
      'authenticate',
      'address limit',
      'body',
      'sessions',
      'audit',
      'shutdown',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ +${layer}`, 'm'));
    }
  });

  test('names every problem, keeps showing the rest, and exits 78', () => {
    const { status, stdout } = doctor({
      HOST: '0.0.0.0',
      AUTH: 'none',
      ALLOWED_ORIGIN: 'https://a.example',
      PORT: '80x',
    });
    expect(status).toBe(78);
    for (const name of ['ALLOWED_HOSTS', 'AUTH', 'ALLOWED_ORIGIN', 'PORT']) {
      expect(stdout).toMatch(new RegExp(`^  ${name}: `, 'm'));
    }
    expect(stdout).toMatch(/^ +authenticate +see the problems$/m);
    expect(stdout).toMatch(/^ +body +1048576 bytes/m);
  });

  test('shows which tools are served, and names the entry that is none', async () => {
    const tools = ['look', 'drop'].map((name) =>
      defineTool({
        name,
        description: name,
        scopes: [],
        annotations: { readOnlyHint: name === 'look' },
        input: z.object({}),
        run: () => 'done',
      }),
    );
    const shown = async (env: object) => examine({ tools }, { PORT: '0', ADMIN_PORT: '0', ...env });
    const served = async (env: object) => (await shown(env)).posture['tools served'];

    expect(await served({})).toBe('2 of 2: look, drop');
    expect(await served({ ENABLED_TOOLS: 'drop' })).toBe('1 of 2: drop');
    expect(await served({ READ_ONLY: 'true' })).toBe('1 of 2, only those that read: look');
    expect(await served({ READ_ONLY: 'true', ENABLED_TOOLS: 'drop' })).toBe(
      '0 of 2, only those that read: none',
    );
    expect((await shown({ ENABLED_TOOLS: 'look,hunter2' })).problems).toEqual([
      { variable: 'ENABLED_TOOLS', message: 'entry 2 names no tool: the tools are look, drop' },
    ]);
    expect(await served({ ENABLED_TOOLS: 'hunter2' })).toBe('see the problems');
  });

  test('says where the state is kept', () => {
    const shared = doctor({
      REDIS_URL: 'redis://redis.example',
      REPLICAS: '3',
      STATE_KEYS: randomBytes(32).toString('base64url'),
    });
    expect(shared.stdout).toMatch(/^ +state +in Redis, 3 processes; while it is away: local$/m);
    expect(doctor({}).stdout).toMatch(/^ +state +in memory, one process$/m);
  });

  test('shows no secret, right or wrong', () => {
    const key = randomBytes(32).toString('base64url');
    const secrets = {
      AUDIT_HMAC_KEY: `hmac-${key}`,
      STATE_KEYS: key,
      REDIS_URL: 'redis://user:hunter2@redis.example',
    };
    const right = doctor(secrets);
    const wrong = doctor({
      AUDIT_HMAC_KEY: 'hunter2',
      STATE_KEYS: 'hunter2',
      REDIS_URL: 'hunter2',
      PORT: 'hunter2',
    });
    for (const { stdout, stderr } of [right, wrong]) {
      expect(stdout + stderr).not.toMatch(/hunter2|hmac-/);
      expect(stdout + stderr).not.toContain(key);
    }
    expect(right.stdout).toContain('audit digests with your key');
  });

  test('--help explains itself and checks nothing', () => {
    const { status, stdout } = doctor({ PORT: 'x' }, '--help');
    expect(status).toBe(0);
    expect(stdout).toContain('Exit code');
    expect(stdout).not.toContain('Effective posture');
  });

  test('--json says the same to a machine', () => {
    const { status, stdout } = doctor({ AUDIT_SINKS: 'file:/nonexistent/audit.log', PORT: '80x' }, '--json');
    expect(status).toBe(78);
    const { posture, problems, findings } = JSON.parse(stdout) as Record<string, unknown>;
    expect(posture).toMatchObject({
      'host guard': 'see the problems',
      body: expect.stringContaining('bytes'),
    });
    expect(problems).toEqual([{ variable: 'PORT', message: expect.any(String) }]);
    const audit = { check: 'audit', level: 'problem', fix: expect.stringContaining('/nonexistent writable') };
    expect(findings).toContainEqual(expect.objectContaining(audit));
  });

  test.each(['PORT', 'ADMIN_PORT'])('names a %s that is in use', async (name) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { status, stdout } = doctor({ [name]: String((other.address() as AddressInfo).port) });
    other.close();

    expect(status).toBe(78);
    expect(stdout).toMatch(new RegExp(`^ +problem +ports: ${name} is in use`, 'm'));
  });

  test('opens no service with settings that are at fault', async () => {
    const opened: unknown[] = [];
    const openServices = async (settings: unknown) =>
      (opened.push(settings), { close: async () => {} }) as never;
    const settings = z.object({ RETRIES: z.coerce.number() });
    const given = (RETRIES: string) =>
      examine({ settings, openServices }, { PORT: '0', ADMIN_PORT: '0', RETRIES });
    const wrong = await given('many');
    const right = await given('3');

    expect(wrong.problems.map(({ variable }) => variable)).toEqual(['RETRIES']);
    expect(wrong.posture['tool settings']).toBe('see the problems');
    expect(right.findings).toContainEqual(expect.objectContaining({ check: 'services', level: 'ok' }));
    expect(opened).toEqual([{ RETRIES: 3 }]);
  });

  test('a wrong argument is an error of its own', () => {
    expect(doctor({}, '--jsno')).toMatchObject({ status: 64, stdout: '' });
  });
});
