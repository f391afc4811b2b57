/** Commands that cannot be run here, or that start what other tests start: what of ours they name is there. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { blocks, pages, read, ROOT } from '../helpers/pages.js';
import { exists, listens, namespaces } from './deployed.js';
import { commands, shownFor } from './shell-blocks.js';

/** What the blocks that no test runs may use. A new program: run it in a test of its own, or say here why not. */
const PROGRAMS = [
  'npm', // our scripts have tests of their own; test/scripts/help.test.ts knows the options, names are below
  'node', // the server: its variables are read by variables.test.ts
  'sh', // deploy/compose/certificates.sh: test/deploy/compose-files.test.ts
  'kubectl', // needs a cluster
  'docker', // needs an engine; test/deploy/image.test.ts builds the image with another one
  'kind', // needs the same
  'cosign', // need an image that was published
  'gh',
  'gzip', // only takes what kubectl prints
];

const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Record<string, string> };
const notRun = shownFor('docs/commands');

/** The commands of a line, without the variables in front of them. */
const simple = (line: string) =>
  line.split(/\s(?:&&|\|)\s/).map((command) => command.replace(/^(?:[A-Z_]+=\S+ )+/, '').trim());

test('no command is left to nobody: a test runs it, or its program is known here', () => {
  const unknown = notRun.filter(({ text }) =>
    simple(text).some((one) => !PROGRAMS.includes(one.split(' ')[0] ?? '')),
  );
  expect(unknown).toEqual([]);
});

test('npm and node are given what there is', () => {
  const given = notRun.flatMap(({ text }) => simple(text));
  const isNpms = /^npm (?:ci|install|prune --omit=dev)$/;
  const isOurs = (command: string) => {
    const [, script = ''] = /^npm (?:run (?:-s )?)?([a-z][\w:.-]*)(?: -- .+)?$/.exec(command) ?? [];
    return script in scripts;
  };
  expect(given.filter((one) => one.startsWith('npm ') && !isNpms.test(one) && !isOurs(one))).toEqual([]);
  expect(given.filter((one) => one.startsWith('node ') && one !== 'node dist/main.js')).toEqual([]);
});

const OURS = String.raw`(?:\.github|bench|deploy|docs|examples|scripts|src|test)/[\w./-]*[\w/]`;
/** Folders that a clone fills. */
const FILLED = ['test/tools', 'test/resources', 'test/prompts'];
/** The code of the page has it, a command makes it, or a clone does. */
const isMade = (page: string, path: string) =>
  FILLED.includes(path) ||
  path.startsWith('deploy/compose/secrets/') ||
  blocks(read(page)).some((block) => block.path === path);
const isMissing = ({ page, path }: { readonly page: string; readonly path: string }) =>
  !existsSync(join(ROOT, path)) && !existsSync(join(ROOT, dirname(page), path)) && !isMade(page, path);

test('every file of ours that a command or the text names is there, unless one of ours makes it', () => {
  const inCommands = commands.flatMap(({ page, text }) =>
    [...text.matchAll(new RegExp(`(?<![\\w./-])${OURS}|(?<=NAME/)${OURS}`, 'g'))].map(([path]) => ({
      page,
      path,
    })),
  );
  const current = pages().filter((page) => page !== 'CHANGELOG.md'); // which also tells of what was
  const inText = current.flatMap((page) =>
    [...read(page).matchAll(new RegExp(`\`(${OURS})\``, 'g'))].map(([, path = '']) => ({ page, path })),
  );
  expect(inCommands.map(({ path }) => path)).toContain('.github/workflows/image.yaml');
  expect(inText.length).toBeGreaterThan(20);
  expect([...inCommands, ...inText].filter(isMissing)).toEqual([]);
});

test('every part of the tests that the text names has some', () => {
  const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' });
  const named = pages().flatMap((page) => [...read(page).matchAll(/`npm test -- ([^`]+)`/g)]);
  const parts = named.flatMap(([, list = '']) => list.split(' '));
  const isThere = (part: string) =>
    tests.some((path) => `test/${path}`.startsWith(part) && path.endsWith('.test.ts'));
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.filter((part) => !isThere(part) && !FILLED.includes(part))).toEqual([]);
});

describe('kubectl, in blocks and within the text,', () => {
  const inText = (page: string) =>
    [...read(page).matchAll(/`(kubectl [^`]+)`/g)].map(([, text = '']) => ({ page, text }));
  const shown = [...pages().flatMap(inText), ...commands.filter(({ text }) => text.includes('kubectl '))];
  const wrong = (pattern: RegExp, isRight: (...found: readonly string[]) => boolean) => {
    const found = shown.flatMap(({ page, text }) =>
      [...text.matchAll(pattern)].map(([match, ...groups]) => ({ page, match, groups })),
    );
    expect(found.length).toBeGreaterThan(0);
    return found.filter(({ groups }) => !isRight(...groups)).map(({ page, match }) => `${page}: ${match}`);
  };

  test('is given namespaces of the overlays', () => {
    expect(wrong(/(?:-n|create namespace) (\S+)/g, (name = '') => namespaces.has(name))).toEqual([]);
  });

  test('is given overlays', () => {
    const isOverlay = (path = '') => existsSync(join(ROOT, path, 'kustomization.yaml'));
    expect(wrong(/ -k (\S+)/g, isOverlay)).toEqual([]);
  });

  test('is given objects of the manifests, and the ports they listen on', () => {
    const named = /\b(certificate|deployment|gateway|secret|service)(?: generic)?[ /]([a-z][\w-]*)/g;
    expect(wrong(named, (kind = '', name = '') => exists(kind, name))).toEqual([]);
    const forwarded = /port-forward (\w+)\/([\w-]+) (?:\d+:)?(\d+)/g;
    expect(wrong(forwarded, (kind = '', name = '', port = '') => listens(kind, name, port))).toEqual([]);
  });
});
