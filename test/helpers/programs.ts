/** Tests with programs that not every machine has. */
import { spawnSync } from 'node:child_process';
import { describe } from '@jest/globals';

const isFound = (program: string) => spawnSync('sh', ['-c', 'command -v "$0"', program]).status === 0;

/** Skipped by name where a program is missing, unless `REQUIRE_ALL=1`. */
export function describeWithPrograms(programs: readonly string[], name: string, tests: () => void): void {
  const missing = programs.filter((program) => !isFound(program));
  const run = missing.length === 0 || process.env['REQUIRE_ALL'] === '1' ? describe : describe.skip;
  run(missing.length === 0 ? name : `${name} (needs ${missing.join(', ')})`, tests);
}
