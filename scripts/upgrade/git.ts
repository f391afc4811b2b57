/** Runs git in one folder, without a shell. */
import { execFileSync } from 'node:child_process';

export interface Git {
  readonly folder: string;
  /** @throws with git's message. @returns its output without the final line break */
  (args: readonly string[], input?: string): string;
  /** Keeps the output unchanged. */
  bytes(args: readonly string[], input?: string): Buffer;
}

/** A git hook that runs us sets these variables for its own repository. */
const ELSEWHERE = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX', 'GIT_OBJECT_DIRECTORY'];
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

export function gitIn(folder: string, settings: Readonly<Record<string, string>> = {}): Git {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ELSEWHERE.includes(name)));
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const bytes = (args: readonly string[], input = '') =>
    execFileSync('git', [...options, ...args], {
      cwd: folder,
      env,
      input,
      maxBuffer: MAX_OUTPUT_BYTES,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  const run = (args: readonly string[], input?: string) => bytes(args, input).toString().replace(/\n$/, '');
  return Object.assign(run, { folder, bytes });
}

/** Returns `undefined` when git fails, because something is missing. */
export function tried<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
