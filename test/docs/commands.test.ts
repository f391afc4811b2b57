/** Commands that cannot be run here, or that start what other tests start: what of ours they name is there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { pages, read, ROOT } from '../helpers/pages.js';
import { exists, listens, namespaces } from './deployed.js';
import { commands, shownFor } from './shell-blocks.js';

/** What the blocks that no test runs may use. A new program: run it in a test of its own, or say here why not. */
const PROGRAMS = [
  'npm', // our scripts have tests of their own; test/scripts/help.test.ts knows the options, names are below
  'node', // the server: its variables are read by variables.test.ts
  'sh', // deploy/compose/certificates.sh: test/deploy/compose-files.test.ts
  'kubectl', // needs a cluster
  'docker', // needs an engine; test/deploy/image.test.ts builds the image with another one
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
  const isNpms = /^npm (?:ci|prune --omit=dev)$/;
  const isOurs = (command: string) => {
    const [, script = ''] = /^npm (?:run (?:-s )?)?([a-z][\w:.-]*)(?: -- .+)?$/.exec(command) ?? [];
    return script in scripts;
  };
  expect(given.filter((one) => one.startsWith('npm ') && !isNpms.test(one) && !isOurs(one))).toEqual([]);
  expect(given.filter((one) => one.startsWith('node ') && one !== scripts['start'])).toEqual([]);
});

test('every file of ours that a command names is there, unless one of ours makes it', () => {
  const paths = commands.flatMap(({ page, text }) =>
    [
      ...text.matchAll(/(?<![\w./-])(?:\.github|bench|deploy|docs|examples|scripts|src|test)\/[\w./-]*\w/g),
    ].map(([path]) => ({ page, path })),
  );
  const isMade = (path: string) => path.startsWith('deploy/compose/secrets/');
  const workflows = commands.flatMap(({ page, text }) =>
    [...text.matchAll(/(?<=\/)\.github\/workflows\/[\w.-]+/g)].map(([path]) => ({ page, path })),
  );
  expect(paths.length).toBeGreaterThan(5);
  expect(workflows.length).toBeGreaterThan(0);
  const missing = [...paths, ...workflows].filter(
    ({ path }) => !existsSync(join(ROOT, path)) && !isMade(path),
  );
  expect(missing).toEqual([]);
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
