/** The audit of processes of their own, as `npm run audit -- verify` judges it. */
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { verify } from '../../../src/server/commands/audit/verify.js';
import { run, type Running } from '../../helpers/built.js';
import { until } from '../../helpers/until.js';
import { SETTINGS } from '../../settings.js';
import { discover } from './requests.js';

jest.setTimeout(60_000); // the first test may have to build, and each starts processes

const keys = generateKeyPairSync('ed25519');
const running: Running[] = [];
let folder: string;
let env: Record<string, string>;
const pathOf = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'audited-'));
  await writeFile(pathOf('key.pem'), keys.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  await writeFile(pathOf('key.pub'), keys.publicKey.export({ format: 'pem', type: 'spki' }));
  env = {
    ...SETTINGS,
    PORT: '0',
    ADMIN_PORT: '0',
    AUTH: 'none',
    RATE_LIMIT_IP: '100000/60s',
    RATE_LIMIT_CALLER: '100000/60s',
    AUDIT_SINKS: `file:${pathOf('audit.log')}`,
    AUDIT_SIGNING_KEY_FILE: pathOf('key.pem'),
    AUDIT_CHECKPOINT_SINK: `file:${pathOf('checkpoints.log')}`,
  };
});
afterEach(async () => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const verdict = () =>
  verify([pathOf('audit.log'), pathOf('checkpoints.log')], {
    keyFile: pathOf('key.pub'),
    isOldestMissing: false,
  });

async function serving() {
  const server = run('main.js', env);
  running.push(server);
  return { server, url: new URL((await server.saw(/(http:\/\/127\.0\.0\.1:\d+\/mcp)/))[1] ?? '') };
}

async function written(count: number): Promise<void> {
  await until(async () => (await readFile(pathOf('audit.log'), 'utf8')).split('\n').length > count);
}

test('a server that is killed under calls, and started again on its files, leaves an audit that is whole', async () => {
  const first = await serving();
  const calls = Array.from({ length: 60 }, () => discover(first.url).catch(() => undefined));
  await written(10);
  first.server.child.kill('SIGKILL');
  await first.server.ended();
  await Promise.all(calls);
  await appendFile(pathOf('audit.log'), '{"schema":1,"time":"2026-'); // as a kill within a write leaves it
  const second = await serving();
  await discover(second.url);
  second.server.child.kill('SIGTERM');
  expect(await second.server.ended()).toBe(0);

  const { problems, records, torn, ...verified } = await verdict();
  const chains = [...verified.chains];
  expect(problems).toEqual([]);
  expect(chains).toHaveLength(2);
  expect(chains[1]?.signed?.size).toBe(chains[1]?.next);
  expect(records).toBeGreaterThan(11);
  expect(torn).toBe(1);
});

test.each(['main.js', 'stdio.js'])(
  '%s signs what it audits, and a record that is cut off is missed',
  async (file) => {
    const server = file === 'main.js' ? (await serving()).server : run(file, env);
    running.push(server);
    if (file === 'main.js') server.child.kill('SIGTERM');
    else server.child.stdin?.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    expect(await server.ended()).toBe(0);

    const whole = await verdict();
    expect(whole.problems).toEqual([]);
    expect([...whole.chains].map(({ signed }) => signed?.size)).toEqual([whole.records]);
    const text = await readFile(pathOf('audit.log'), 'utf8');
    await truncate(
      pathOf('audit.log'),
      Buffer.byteLength(text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)),
    );
    expect((await verdict()).problems).not.toEqual([]);
  },
);
