/** `npm run mutation`: takes one protection away at a time, in a copy, and sees the named test fail. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { patternOf, ROOT, testName } from './evidence/results.js';

const Break = z.strictObject({ file: z.string(), text: z.string(), by: z.string(), test: z.string() });
export type Break = z.infer<typeof Break>;

export const BREAKS: readonly Break[] = z
  .array(Break)
  .parse(parse(readFileSync(join(ROOT, 'test/mutation/breaks.yaml'), 'utf8')));

const COPIED = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'jest.config.js',
  'src',
  'test',
  'scripts',
  'examples',
];

interface Outcome {
  readonly testResults: ReadonlyArray<{
    readonly assertionResults: ReadonlyArray<{
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }>;
  }>;
}

function copyOfProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mutation-'));
  for (const path of COPIED) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  return folder;
}

/** @returns whether a test of this name failed */
function isCaught(folder: string, { test }: Break): boolean {
  const { file, name } = testName(test);
  const output = join(folder, 'outcome.json');
  const jest = [
    '--experimental-vm-modules',
    'node_modules/jest/bin/jest.js',
    '--json',
    '--outputFile',
    output,
  ];
  // What a failed test left open would keep Jest waiting.
  const only = ['--forceExit', '--runTestsByPath', file, '--testNamePattern', patternOf(name, ' ').source];
  rmSync(output, { force: true });
  spawnSync(process.execPath, [...jest, ...only], { cwd: folder, timeout: 300_000 });
  if (!existsSync(output)) return false; // it did not come to an end
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as Outcome;
  const pattern = patternOf(name);
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .some(
      ({ ancestorTitles, title, status }) =>
        status === 'failed' && pattern.test([...ancestorTitles, title].join(' › ')),
    );
}

function tryOne(folder: string, one: Break): boolean {
  const path = join(folder, 'src/server', one.file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    source.replace(one.text, () => one.by),
  );
  try {
    return isCaught(folder, one);
  } finally {
    writeFileSync(path, source);
  }
}

const HELP = `Usage: npm run mutation -- [PART]

Takes one protection away at a time, in a copy of the project, and sees the test fail that test/mutation/breaks.yaml names.
Without PART, which stands in the path of a file of src/server, it tries all of them and takes minutes.
`;

function main(): void {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.help) return void process.stdout.write(HELP);
  const [part = ''] = positionals;
  const folder = copyOfProject();
  try {
    for (const one of BREAKS.filter(({ file }) => file.includes(part))) {
      const caught = tryOne(folder, one);
      process.stdout.write(`${caught ? 'caught' : 'SURVIVED'}  ${one.file}: ${one.text}\n`);
      if (!caught) process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) main();
