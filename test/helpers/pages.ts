/** The Markdown pages of the project, and what a test wants to know of one. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Not ours, made by a tool, or data for the samples. */
const SKIPPED = /(^|\/)(node_modules|dist|coverage|\.[^/]+|examples\/documents)$/;

/** Every page, by its path from the root with `/`. */
export function pages(folder = ''): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.test(path) ? [] : pages(path);
    return entry.isFile() && path.endsWith('.md') ? [path] : [];
  });
}

export const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Every folder below one, itself included. */
export function folders(folder: string): readonly string[] {
  const below = readdirSync(join(ROOT, folder), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  return [folder, ...below.flatMap(({ name }) => folders(`${folder}/${name}`))];
}

export interface Block {
  readonly language: string;
  /** What stands behind the language: for code the file it goes into. */
  readonly path: string;
  readonly text: string;
}

/** Those of a list stand as far to the right as their item. */
export function blocks(page: string): readonly Block[] {
  return [...page.matchAll(/^( *)```([^\s`]*) ?([^\n]*)\n(.*?)^\1```$/gms)].map(
    ([, indent = '', language = '', path = '', text = '']) => {
      return { language, path, text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
    },
  );
}

/** The page without its code, whose brackets are no links. */
function prose(page: string): string {
  return page.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
}

/** Targets of the links within the project: path from the root, and the heading's anchor. */
export function links(path: string): readonly { readonly target: string; readonly anchor: string }[] {
  return [...prose(read(path)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, href = '']) => href)
    .filter((href) => !/^[a-z]+:/.test(href))
    .map((href) => {
      const [file = '', anchor = ''] = href.split('#');
      const from = resolve(ROOT, dirname(path));
      return { target: file === '' ? path : relative(ROOT, resolve(from, file)), anchor };
    });
}

/** The anchors that GitHub makes of a page's headings. */
export function anchors(page: string): readonly string[] {
  const headings = page.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const EMPTY_LISTS = {
  'src/resources/index.ts':
    "import type { ResourceDefinition } from '../server/index.js';\nexport const resources: readonly ResourceDefinition[] = [];\n",
  'src/prompts/index.ts':
    "import type { PromptDefinition } from '../server/index.js';\nexport const prompts: readonly PromptDefinition[] = [];\n",
};

export interface Clones {
  /** Of all clones, with settings that compile them together. */
  readonly folder: string;
  /** The clone with the code of that page. */
  of(path: string): string;
  remove(): void;
}

/** For each page a clone of the project with its code in it. */
export function clonesWith(
  shown: readonly { readonly path: string; readonly code: readonly Block[] }[],
): Clones {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'docs-')));
  const of = (path: string) => join(folder, path.replaceAll(/\W/g, '-'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  const settings = JSON.parse(read('tsconfig.json')) as object;
  const include = ['*/src', '*/test'];
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...settings, include }));
  for (const { path, code } of shown) cloneWith(of(path), code);
  return { folder, of, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A page that brings its own settings has done without the samples. */
function cloneWith(folder: string, code: readonly Block[]): void {
  const hasOwnTools = code.some(({ path }) => path === 'src/settings.ts');
  const isKept = (source: string) => {
    const path = relative(ROOT, source);
    return !hasOwnTools || !/^src[\\/](samples|tools|resources|prompts)$/.test(path);
  };
  cpSync(join(ROOT, 'src'), join(folder, 'src'), { recursive: true, filter: isKept });
  for (const file of [
    'package.json',
    'jest.config.js',
    'test/results-reporter.js',
    'test/pair-runner.js',
    'test/helpers',
    'test/settings.ts',
  ])
    cpSync(join(ROOT, file), join(folder, file), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const files = new Map(hasOwnTools ? Object.entries(EMPTY_LISTS) : []);
  for (const { path, text } of code) files.set(path, text);
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
