import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { CommandFailed, runCommand, ToolError } from '../../../src/server/index.js';
import { runFile } from '../../helpers/built.js';
import { closed } from '../../helpers/raw-http.js';

jest.setTimeout(60_000);

const node = { program: process.execPath, timeoutMs: 50_000 };
const { signal } = new AbortController();
/** Prints what a program gets, as JSON. */
const print = (expression: string) => ['-e', `process.stdout.write(JSON.stringify(${expression}))`];
/** Connects to the port it is given, says what it is, and lives until it is told to end. */
const LIVES = `
  const [port, name = 'program'] = process.argv.slice(1);
  require('net').connect(port, '127.0.0.1', function () { this.write(name); })
    .on('data', () => process.exit(0));`;
/** The same, with a program of its own. */
const WITH_CHILD = `${LIVES}
  require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(LIVES)}, '--', port, 'child'], { stdio: 'inherit' });`;

/** Each program holds a connection open for as long as it lives. */
let server: Server;
let port: string;
let programs: { name: string; socket: Socket }[];

beforeEach(async () => {
  programs = [];
  server = createServer((socket) => {
    socket.on('error', () => {}); // of a program that was killed
    socket.once('data', (name) => {
      programs.push({ name: String(name), socket });
      server.emit('program');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = String((server.address() as AddressInfo).port);
});
afterEach(() => {
  for (const { socket } of programs) socket.write('end');
  server.close();
});

async function started(count: number): Promise<void> {
  while (programs.length < count) await once(server, 'program');
}
const allClosed = () => Promise.all(programs.map(({ socket }) => closed(socket)));
const names = () => programs.map(({ name }) => name).sort();

describe('what the program gets', () => {
  test('operands arrive as they are, whatever a shell or an option parser would make of them', async () => {
    const operands = ['--version', '$(id); `id` | cat > x', '-e', '', 'two words', '*'];

    const { exitCode, stdout } = await runCommand({
      ...node,
      args: print('process.argv.slice(1)'),
      operands,
      signal,
    });

    expect({ exitCode, operands: JSON.parse(String(stdout)) as unknown }).toEqual({ exitCode: 0, operands });
  });

  test('the environment is empty but for what is named', async () => {
    const args = print('process.env');
    const empty = await runCommand({ ...node, args, signal });
    const named = await runCommand({ ...node, args, env: { LANG: 'C' }, signal });

    const isOurs = (name: string) => Object.hasOwn(process.env, name) && process.platform !== 'win32';
    expect(Object.keys(JSON.parse(String(empty.stdout)) as object).filter(isOurs)).toEqual([]);
    expect(JSON.parse(String(named.stdout))).toMatchObject({ LANG: 'C' });
  });

  test('it reads the input, and nothing where there is none', async () => {
    const args = ['-e', 'process.stdin.pipe(process.stdout)'];

    expect(String((await runCommand({ ...node, args, input: 'été', signal })).stdout)).toBe('été');
    expect(String((await runCommand({ ...node, args, signal })).stdout)).toBe('');
  });

  test('it may leave its input unread', async () => {
    const input = Buffer.alloc(1024 * 1024);

    await expect(runCommand({ ...node, args: ['-e', ''], input, signal })).resolves.toMatchObject({
      exitCode: 0,
    });
  });

  test('it does not work in the folder of the server', async () => {
    const { stdout } = await runCommand({ ...node, args: print('process.cwd()'), signal });

    expect(JSON.parse(String(stdout))).not.toBe(process.cwd());
  });
});

describe('what comes back', () => {
  test('an exit code other than 0 is a result, with both outputs', async () => {
    const args = ['-e', 'console.log("out"); console.error("err"); process.exitCode = 3'];
    const { exitCode, stdout, stderr } = await runCommand({ ...node, args, signal });

    expect({ exitCode, stdout: String(stdout), stderr: String(stderr) }).toEqual({
      exitCode: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  test('a program that is killed by somebody else has failed', async () => {
    const args = ['-e', 'process.kill(process.pid, "SIGKILL")'];

    await expect(runCommand({ ...node, args, signal })).rejects.toThrow(CommandFailed);
  });

  test.each([
    ['a program that is not there', { program: '/no/such/program' }],
    ['arguments longer than the system takes', { ...node, args: ['secret'.repeat(1_000_000)] }],
  ])('%s fails without its arguments in the error', async (_, command) => {
    const error: unknown = await runCommand({ operands: ['secret'], ...command, signal }).catch(
      (one: unknown) => one,
    );

    expect(error).toMatchObject({ name: 'CommandFailed', reason: 'not_started' });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  });

  test('a relative program is refused: no search path decides what runs', async () => {
    await expect(runCommand({ program: 'node', signal })).rejects.toThrow(TypeError);
  });

  test('an operand that no program can be given is refused in words for the caller, without it', async () => {
    const refused = runCommand({ ...node, operands: ['se\0cret'], signal });

    await expect(refused).rejects.toThrow(new ToolError('A value has a NUL character'));
  });
});

describe('limits', () => {
  test('a program that takes too long is ended', async () => {
    const args = ['-e', 'setInterval(() => {}, 1000)'];

    await expect(runCommand({ ...node, args, timeoutMs: 50, signal })).rejects.toMatchObject({
      reason: 'timeout',
    });
  });

  test.each(['stdout', 'stderr'])('a program that writes without end to %s is ended', async (stream) => {
    const args = ['-e', `setInterval(() => process.${stream}.write('x'.repeat(100)), 1)`];

    const run = runCommand({ ...node, args, maxOutputBytes: 1000, signal });

    await expect(run).rejects.toMatchObject({ reason: 'too_much_output' });
  });

  test('more programs than may run at once wait for their turn, in order', async () => {
    const args = [
      '-e',
      `const times = [process.hrtime()]; setTimeout(() => {
      times.push(process.hrtime()); process.stdout.write(JSON.stringify(times)); }, 20)`,
    ];
    const all = [1, 2, 3].map(() => runCommand({ ...node, args, maxAtOnce: 1, signal }));

    const times = (await Promise.all(all)).flatMap(
      ({ stdout }) => JSON.parse(String(stdout)) as [number, number][],
    );

    expect(times).toHaveLength(6);
    expect(times).toEqual([...times].sort(([a, x], [b, y]) => a - b || x - y));
  });

  test('who gives up waiting is not run, and takes no turn', async () => {
    const run = (name: string, own = signal) =>
      runCommand({ ...node, args: ['-e', LIVES], operands: [port, name], maxAtOnce: 1, signal: own });
    const waiting = new AbortController();
    const [first, second, third] = [run('first'), run('second', waiting.signal), run('third')];
    await started(1);
    waiting.abort(new Error('cancelled'));
    await expect(second).rejects.toThrow('cancelled');
    programs[0]?.socket.write('end');

    await started(2);
    programs[1]?.socket.write('end');
    await Promise.all([first, third]);

    expect(programs.map(({ name }) => name)).toEqual(['first', 'third']);
  });
});

const hasGroups = process.platform !== 'win32';
(hasGroups ? describe : describe.skip)('nothing of it is left behind', () => {
  const args = ['-e', WITH_CHILD];

  test('a call that is cancelled ends the program and what it started', async () => {
    const call = new AbortController();
    const running = runCommand({ ...node, args, operands: [port], signal: call.signal });
    await started(2);
    call.abort(new Error('cancelled'));

    await expect(running).rejects.toThrow('cancelled');
    await allClosed();
    expect(names()).toEqual(['child', 'program']);
  });

  test('what a program leaves running at its end is ended with it', async () => {
    const running = runCommand({ ...node, args, operands: [port], signal });
    await started(2);
    programs.find(({ name }) => name === 'program')?.socket.write('end');

    await expect(running).resolves.toMatchObject({ exitCode: 0 });
    await allClosed();
  });

  test('after the end of a call nothing is started', async () => {
    const run = runCommand({ ...node, args, operands: [port], signal: AbortSignal.abort(new Error('over')) });

    await expect(run).rejects.toThrow('over');
    expect(programs).toEqual([]);
  });

  test('the end of this process ends them too', async () => {
    const file = fileURLToPath(new URL('children/exits.ts', import.meta.url));
    const { child, ended } = runFile(file, { SCRIPT: WITH_CHILD, TOLD: port }, '--import', 'tsx');
    try {
      await started(2);
    } finally {
      child.kill('SIGTERM');
      await ended();
    }

    await allClosed();
    expect(names()).toEqual(['child', 'program']);
  });
});
