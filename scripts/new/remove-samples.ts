/** Removes the samples, and the demo and the tests that use them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTemplate } from '../template/ownership.js';

/** Paths without the final `/` of a folder. */
const TEMPLATE = readTemplate(new URL('../../template.json', import.meta.url));
const REMOVED = TEMPLATE.samples.map((path) => path.replace(/\/$/, ''));

/** Edits that make these files work without samples. If one text is missing, nothing is changed. */
const EDITS: readonly (readonly [file: string, text: RegExp, instead: string])[] = [
  ['src/tools/index.ts', /^(?:import .*'\.\.\/samples\/.*\n)+/m, ''],
  ['src/tools/index.ts', /^(?: {2}(?:processFiles|findDuplicates|deleteDocument|whoami|logLevels),\n)+/m, ''],
  ['src/resources/index.ts', /^(?:import .*'\.\.\/samples\/.*\n)+/m, ''],
  ['src/resources/index.ts', /^ {2}documents,\n {2}processFilesApp,\n/m, ''],
  ['src/prompts/index.ts', /^import .*'\.\.\/samples\/.*\n/m, ''],
  ['src/prompts/index.ts', /^ {2}summarizeDocument,\n/m, ''],
  ['src/settings.ts', /z\.object\(\{\n {2}FILES_ROOT: z\n(?: {4}.*\n)+/, 'z.object({\n'],
  ['src/services.ts', /^import .*'\.\/samples\/.*\n/m, ''],
  ['src/services.ts', /^ {2}readonly documents: Documents;\n/m, ''],
  ['src/services.ts', /^ {2}const documents = .*\n/m, ''],
  ['src/services.ts', /\{ documents, /, '{ '],
  ['package.json', /^ {4}"demo": .*\n/m, ''],
  ['package.json', /^ {4}"interop": .*\n/m, ''],
  ['knip.json', /^ {2}"ignoreDependencies": .*\n/m, ''],
  ['deploy/Dockerfile', /^COPY examples\/documents .*\n/m, ''],
  ['deploy/Dockerfile', /, "examples"(?=[\],])/, ''],
  ['deploy/Dockerfile', /^COPY --from=build \/build\/examples .*\n/m, ''],
  ['.dockerignore', /^!examples\/documents\n/m, ''],
  ['examples/console/package.json', / && tsc --noEmit -p test\/tsconfig\.json/, ''],
  ['examples/console/package.json', /^ {4}"pictures": .*\n/m, ''],
];

/** Applied only when nothing of yours is left in the function. */
const TIDYING: typeof EDITS = [
  ['src/settings.ts', /\{\n\}/, '{}'],
  ['src/services.ts', /\{\n\}/, '{}'],
  ['src/services.ts', /\(settings:(?![^]*\bsettings\b)/, '(_settings:'],
];

const CHECKS = '.ci/run';

/** How pages refer to what is removed. */
const NAMED = new RegExp(
  [
    'npm run (?:-s )?(?:demo|interop)\\b',
    '`(?:demo|interop)\\.ts`',
    'pictures\\.ts',
    'process_files',
    '\\(samples/',
    'FILES_ROOT',
    '`?(?:examples/)?documents/`',
    ...REMOVED.map((path) => path.replaceAll('.', '\\.')),
  ].join('|'),
);

/**
 * @returns the removed and changed paths, one a line
 * @throws when an edited list does not show which entries are samples; nothing is removed then
 */
export function removeSamples(): string {
  if (!existsSync('src/samples')) return 'There are no samples here any more.\n';
  const changed = new Map<string, string>();
  for (const [file, text, instead] of [...EDITS, ...TIDYING]) {
    const before = changed.get(file) ?? readFileSync(file, 'utf8');
    const after = before.replace(text, instead);
    const isRequired = EDITS.some((edit) => edit[1] === text);
    if (after === before && isRequired) throw new Error(`${file} no longer has ${String(text)}`);
    changed.set(file, after);
  }
  for (const page of pages('.')) changed.set(page, withoutSamples(readFileSync(page, 'utf8')));
  if (existsSync(CHECKS)) changed.set(CHECKS, withoutLines(readFileSync(CHECKS, 'utf8')));

  const edited = [...changed].filter(([file, text]) => text !== readFileSync(file, 'utf8'));
  for (const [file, text] of edited) writeFileSync(file, text);
  const removed = REMOVED.filter((path) => existsSync(path));
  for (const path of removed) rmSync(path, { recursive: true });
  for (const generator of ['scripts/config-docs.ts', 'scripts/clients-docs.ts'])
    execFileSync(process.execPath, ['--import', 'tsx', generator]);
  const lines = (paths: readonly string[]) => paths.map((path) => `  ${path}\n`).join('');
  return `Removed:\n${lines(removed)}Changed:\n${lines(edited.map(([file]) => file))}`;
}

/** The same for one file of a template that is merged into a clone without samples. */
export function textWithoutSamples(path: string, text: string): string {
  if (path === CHECKS) return withoutLines(text);
  if (isPage(path)) return withoutSamples(text);
  const edits = EDITS.filter(([file]) => file === path);
  return edits.reduce((before, [, part, instead]) => before.replace(part, instead), text);
}

const isPage = (path: string) => path.endsWith('.md') && !path.startsWith('.');

function pages(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name.startsWith('.') || name === 'node_modules' || REMOVED.includes(path)) return [];
    if (statSync(path).isDirectory()) return pages(path);
    return isPage(path) ? [path] : [];
  });
}

/** Removes rows, list items, lines of code and clauses, and then headings without content. */
function withoutSamples(page: string): string {
  if (!NAMED.test(page)) return page;
  const kept = blocksOf(page)
    .map(withoutMentions)
    .filter((block) => block !== '');
  const isEmptySection = (block: string, index: number) =>
    block.startsWith('## ') && /^##? /.test(kept[index + 1] ?? '## ');
  return `${kept.filter((block, index) => !isEmptySection(block, index)).join('\n\n')}\n`;
}

/** Blocks between blank lines, except blank lines within code. */
function blocksOf(page: string): readonly string[] {
  const blocks: string[][] = [[]];
  let isCode = false;
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode;
    if (line === '' && !isCode) blocks.push([]);
    else blocks.at(-1)?.push(line);
  }
  return blocks.map((lines) => lines.join('\n'));
}

function withoutMentions(block: string): string {
  if (!NAMED.test(block)) return block;
  if (block.startsWith('```')) {
    const code = withoutLines(block);
    return code.split('\n').length > 2 ? code : '';
  }
  if (block.startsWith('|')) return withoutLines(block);
  const unit = block.startsWith('- ') ? /\n(?=- )/ : /(?<=[;.])\s+/; // an item, or a clause of a paragraph
  const kept = block.split(unit).filter((one) => !NAMED.test(one));
  return kept.join('\n');
}

function withoutLines(text: string): string {
  return text
    .split('\n')
    .filter((line) => !NAMED.test(line))
    .join('\n');
}
