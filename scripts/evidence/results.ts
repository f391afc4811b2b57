import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Requirement } from './requirements.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Written by `test/results-reporter.js`. */
const RESULTS = join(ROOT, 'node_modules/.cache/test-results.json');

export interface FileResult {
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly tests: ReadonlyArray<{ readonly name: readonly string[]; readonly status: string }>;
}

/** By the path of the test file from the root. */
export type Results = ReadonlyMap<string, FileResult>;

export interface TestName {
  readonly file: string;
  readonly name: string;
}

/** Reads `server/layers/cors › an allowed origin …`. */
export function testName(written: string): TestName {
  const [file = '', ...name] = written.split(' › ');
  return { file: `test/${file}.test.ts`, name: name.join(' › ') };
}

export function readResults(): Results {
  if (!existsSync(RESULTS)) return new Map();
  const all = JSON.parse(readFileSync(RESULTS, 'utf8')) as Record<string, FileResult>;
  const ours = Object.entries(all).filter(([path]) => path.startsWith(ROOT));
  return new Map(ours.map(([path, result]) => [path.slice(ROOT.length).replaceAll('\\', '/'), result]));
}

/** The files whose last result is older than the code, or does not show all that it should. */
export function filesToRun(requirements: readonly Requirement[], results: Results): readonly string[] {
  const changed = Math.max(...sourceFiles('src').map(changedAt));
  const named = requirements.flatMap(({ tests = [] }) => tests);
  const toRun = named.filter((written) => {
    const { file } = testName(written);
    const isCurrent = (results.get(file)?.began ?? 0) > Math.max(changed, changedAt(file));
    return !isCurrent || problemOf(written, results) !== undefined;
  });
  return [...new Set(toRun.map((written) => testName(written).file))].filter((file) =>
    existsSync(join(ROOT, file)),
  );
}

/** Why the test shows nothing, or undefined where it passed. */
export function problemOf(written: string, results: Results): string | undefined {
  const { file, name } = testName(written);
  const pattern = patternOf(name);
  const meant = (results.get(file)?.tests ?? []).filter((test) => pattern.test(test.name.join(' › ')));
  if (meant.length === 0) return `${file} has no test "${name}"`;
  const other = meant.find(({ status }) => status !== 'passed');
  return other && `${file}: "${other.name.join(' › ')}" is ${other.status}`;
}

/** The end of a name, in which `%s`, `$key` and `${key}` of a table or template stand for anything. Jest itself joins by a space. */
export function patternOf(name: string, separator = ' › '): RegExp {
  const written = name.replaceAll(' › ', separator);
  const literal = written
    .split(/%[a-zA-Z#]|\$\{[^}]*\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(^|${separator})${literal.join('.*')}$`, 's');
}

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
    join(folder, path),
  );
}

const changedAt = (path: string): number =>
  existsSync(join(ROOT, path)) ? statSync(join(ROOT, path)).mtimeMs : 0;
