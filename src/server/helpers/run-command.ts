/**
 * Runs one program for a tool.
 *
 * - No shell reads the arguments, and `--` stands before those that are not ours.
 * - The program sees nothing of our environment, in which secrets may be.
 * - It leads a process group of its own, killed whole at its end, on abort, over a limit, and when this process exits.
 *   A process that leaves the group on purpose (`setsid`) outlives it: run no program that you do not trust.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { isAbsolute } from 'node:path';
import { ToolError } from '../mcp/definitions/tool.js';
import { takeTurn } from './turns.js';

export interface Command {
  /** Absolute path: no `PATH` decides what runs. */
  readonly program: string;
  /** Options of your own. */
  readonly args?: readonly string[];
  /** Values that are not yours: they follow `--`, so that the program takes none for an option. */
  readonly operands?: readonly string[];
  /** What it reads on stdin. Default nothing. */
  readonly input?: string | Uint8Array;
  /** All of its environment. Default empty. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `/`. */
  readonly cwd?: string;
  /** A call's: `context.signal`. */
  readonly signal: AbortSignal;
  /** Waiting for its turn included. Default 10 seconds. */
  readonly timeoutMs?: number;
  /** stdout and stderr together. Default 1 MiB. */
  readonly maxOutputBytes?: number;
  /** How many of this program run at once; the others wait. Default 4. */
  readonly maxAtOnce?: number;
}

export interface CommandResult {
  /** 0 by convention when it did what it was told. */
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The program did not come to an end of its own. The message names no argument: it may be logged. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  constructor(
    readonly reason: 'not_started' | 'timeout' | 'too_much_output' | 'killed',
    program: string,
  ) {
    super(`${program}: ${reason}`);
  }
}

const live = new Set<ChildProcessWithoutNullStreams>();

/**
 * @throws {CommandFailed} when it did not end by itself; any exit code is a result
 * @throws {ToolError} for operands that no program can be given, before anything runs
 * @throws the reason of the signal
 */
export async function runCommand(command: Command): Promise<CommandResult> {
  requireSafe(command);
  const { program, signal, timeoutMs = 10_000, maxAtOnce = 4 } = command;
  const deadline = AbortSignal.timeout(timeoutMs);
  const end = AbortSignal.any([signal, deadline]);
  try {
    end.throwIfAborted();
    const release = await takeTurn(program, maxAtOnce, end);
    try {
      return await run(command, end);
    } finally {
      release();
    }
  } catch (error) {
    throw error === deadline.reason ? new CommandFailed('timeout', program) : error;
  }
}

function requireSafe({ program, operands = [] }: Command): void {
  if (!isAbsolute(program)) throw new TypeError('runCommand needs the absolute path of a program');
  if (operands.some((operand) => operand.includes('\0'))) throw new ToolError('A value has a NUL character');
}

function run(command: Command, end: AbortSignal): Promise<CommandResult> {
  const { program, maxOutputBytes = 1024 * 1024 } = command;
  const child = start(command);
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let bytes = 0;

  return new Promise<CommandResult>((resolve, reject) => {
    const stop = (error: unknown) => {
      killGroup(child);
      child.stdout.destroy(); // who left the group may hold them open
      child.stderr.destroy();
      reject(error);
    };
    const onAbort = () => stop(end.reason);
    end.addEventListener('abort', onAbort, { once: true });
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxOutputBytes) return stop(new CommandFailed('too_much_output', program));
        output[name].push(chunk);
      });
    child.stdin.on('error', () => {}); // a program need not read what it is given
    child.stdin.end(command.input);
    child.once('error', () => stop(new CommandFailed('not_started', program)));
    child.once('exit', () => {
      killGroup(child); // what it left running
      forget(child);
    });
    child.once('close', (exitCode) => {
      end.removeEventListener('abort', onAbort);
      const { stdout, stderr } = output;
      if (exitCode === null) return reject(new CommandFailed('killed', program));
      resolve({ exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    });
  });
}

/** Node's own errors carry the arguments. */
function start({ program, args = [], operands = [], env = {}, cwd = '/' }: Command) {
  const all = operands.length === 0 ? args : [...args, '--', ...operands];
  try {
    const child = spawn(program, all, { cwd, env, detached: true, windowsHide: true });
    if (live.size === 0) process.on('exit', killAll);
    live.add(child);
    return child;
  } catch {
    throw new CommandFailed('not_started', program);
  }
}

function killGroup(child: ChildProcessWithoutNullStreams): void {
  const { pid } = child;
  if (pid === undefined) return forget(child); // it never started
  if (!live.has(child)) return; // its number may be another's by now
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group.
  }
}

function killAll(): void {
  for (const child of live) killGroup(child);
}

function forget(child: ChildProcessWithoutNullStreams): void {
  live.delete(child);
  if (live.size === 0) process.off('exit', killAll);
}
