/** Writes a definition, its test and its line in the list. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { compileFunction } from 'node:vm';
import { promptFiles, resourceFiles, type Texts, toolFiles } from './texts.js';

/** The folder of each kind, and what is written for it. */
export const KINDS = {
  tool: { folder: 'tools', textsOf: toolFiles },
  resource: { folder: 'resources', textsOf: resourceFiles },
  prompt: { folder: 'prompts', textsOf: promptFiles },
} as const satisfies Record<string, { folder: string; textsOf: (names: Names, scopes: string) => Texts }>;
export type Kind = keyof typeof KINDS;

export interface Names {
  /** `word-count` */
  readonly file: string;
  /** `wordCount` */
  readonly constant: string;
  /** `word_count`, as clients see it. */
  readonly name: string;
  /** `Word count` */
  readonly title: string;
}

const MAX_LENGTH = 40;

/** `undefined` for what cannot be a name. */
export function namesOf(text: string): Names | undefined {
  const file = text.replaceAll('_', '-');
  if (file.length > MAX_LENGTH || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(file)) return undefined;
  const constant = file.replaceAll(/-(.)/g, (_match, letter: string) => letter.toUpperCase());
  const words = file.replaceAll('-', ' ');
  return {
    file,
    constant,
    name: file.replaceAll('-', '_'),
    title: `${words.charAt(0).toUpperCase()}${words.slice(1)}`,
  };
}

/** @returns the files, the test second @throws when something is there already; nothing is written then */
export function writeDefinition(kind: Kind, names: Names, scopes: readonly string[]): readonly string[] {
  const { folder, textsOf } = KINDS[kind];
  const [source, test] = [`src/${folder}/${names.file}.ts`, `test/${folder}/${names.file}.test.ts`];
  for (const file of [source, test]) if (existsSync(file)) throw new Error(`${file} is there already`);
  requireFreeName(names.constant, folder);
  const index = `src/${folder}/index.ts`;
  const list = withLine(readFileSync(index, 'utf8'), names, index);

  const written = textsOf(names, `[${scopes.map((scope) => `'${scope}'`).join(', ')}]`);
  const files = new Map([
    [source, written.source],
    [test, scopes.length > 0 ? `${written.test}\n${written.refusal}` : written.test],
    [index, list],
  ]);
  for (const [file, text] of files) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const biome = ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', ...files.keys()];
  execFileSync(process.execPath, biome, { stdio: ['ignore', 'ignore', 'inherit'] });
  return [...files.keys()];
}

/** The constant must not be a reserved word or an import of the files. */
function requireFreeName(constant: string, list: string): void {
  const taken = [
    list,
    'z',
    'expect',
    'test',
    'serve',
    'definitions',
    'defineTool',
    'defineResource',
    'definePrompt',
  ];
  const declared = [...taken, constant].map((name) => `${name} = 0`).join(', ');
  try {
    compileFunction(`'use strict'; const ${declared}`);
  } catch {
    throw new Error(
      `${constant} cannot name a variable here: it is reserved in TypeScript, or used in the files. Choose a longer name`,
    );
  }
}

/** @throws when the list no longer looks like one */
function withLine(index: string, { file, constant }: Names, path: string): string {
  const imports = [...index.matchAll(/^import .*\n/gm)].at(-1);
  const end = index.lastIndexOf('];');
  if (!imports || end < 0) throw new Error(`${path} has no list that ends with ];`);
  const at = imports.index + imports[0].length;
  const line = `import { ${constant} } from './${file}.js';\n`;
  return `${index.slice(0, at)}${line}${index.slice(at, end)}  ${constant},\n${index.slice(end)}`;
}
