/** Installs the console's own package and builds its page, each only when it is not current. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const SOURCES = ['src', 'public', 'index.html', 'callback.html', 'vite.config.js', 'package-lock.json'];

export const isInstalled = () => existsSync(join(FOLDER, 'node_modules/vite/package.json'));

/** Installs what the lockfile says. */
export function install(): void {
  run('npm ci --no-audit --no-fund --loglevel=error');
}

/** @throws when the build fails; its words are on stderr */
export function build(): void {
  const built = join(FOLDER, 'dist/index.html');
  if (existsSync(built) && newest(SOURCES.map((name) => join(FOLDER, name))) < statSync(built).mtimeMs)
    return;
  run('npm run -s build -- --logLevel warn');
}

/** By a shell, since npm is a script on Windows; what it prints is no output of ours. */
function run(command: string): void {
  execFileSync(command, { cwd: FOLDER, shell: true, stdio: ['ignore', 2, 2] });
}

function newest(paths: readonly string[]): number {
  const times = paths.map((path) => {
    if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
    return newest(readdirSync(path).map((name) => join(path, name)));
  });
  return Math.max(...times);
}
