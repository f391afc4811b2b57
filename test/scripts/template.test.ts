import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { NAMED } from '../../scripts/rename/with-name.js';
import { ownerOf, readTemplate, TEMPLATE_FILE } from '../../scripts/template/ownership.js';
import { digestOf } from '../../src/server/commands/doctor/template.js';
import { mergeJson } from '../../scripts/upgrade/merge-json.js';
import { cloneProject, TSX } from '../helpers/clone.js';
import { commitAll, git } from '../helpers/git.js';
import { templateTest } from './template-only.js';

const template = readTemplate();

templateTest('template.json is what npm run template writes', () => {
  const clone = cloneProject();
  try {
    git(clone.folder, 'init', '-q');
    commitAll(clone.folder);
    clone.node(...TSX, 'scripts/template.ts');
    expect(clone.read(TEMPLATE_FILE)).toBe(readFileSync(TEMPLATE_FILE, 'utf8'));
  } finally {
    clone.remove();
  }
});

test.each([
  ['src/server/layers/cors.ts', 'template'],
  ['src/server/README.md', 'shared'],
  ['src/main.ts', 'yours'],
  ['src/tools/word-count.ts', 'yours'],
  ['src/samples/whoami.ts', 'yours'],
  ['test/server/layers/cors.test.ts', 'template'],
  ['test/tools/word-count.test.ts', 'yours'],
  ['test/toolshed.test.ts', 'template'],
  ['package.json', 'shared'],
  ['deploy/kubernetes/base/deployment.yaml', 'shared'],
  ['.ci/run', 'shared'],
  ['.env.example', 'generated'],
])('%s is %s', (path, owner) => {
  expect(ownerOf(path, template)).toBe(owner);
});

test('what a rename changes has no digest, and each digest is that of a file of the template', () => {
  const paths = Object.keys(template.digests);
  expect(paths.length).toBeGreaterThan(300);
  expect(paths.filter((path) => ownerOf(path, template) !== 'template')).toEqual([]);
  expect(paths.filter((path) => NAMED.some((name) => path.startsWith(name)))).toEqual([]);
});

test('what belongs to somebody, and the samples, are there', () => {
  const { yours, samples } = template;
  const hasSamples = existsSync('src/samples');
  const listed = [...template.template, ...template.generated, ...(hasSamples ? samples : [])];
  expect(listed.filter((path) => !existsSync(path))).toEqual([]);
  expect(yours).toContain('src/');
});

test('a digest is the same for both kinds of line endings, and another for another text', () => {
  expect(digestOf(Buffer.from('a\r\nb\r\n'))).toBe(digestOf(Buffer.from('a\nb\n')));
  expect(digestOf(Buffer.from('a\nb'))).not.toBe(digestOf(Buffer.from('a\nb\n')));
});

const clash = () => 'clash';

test.each<[string, unknown, unknown, unknown, unknown]>([
  ['both sides add', { a: 1 }, { a: 1, b: 2 }, { a: 1, c: 3 }, { a: 1, b: 2, c: 3 }],
  ['one removes, the other changes its neighbour', { a: 1, b: 1 }, { b: 1 }, { a: 1, b: 2 }, { b: 2 }],
  ['both change the same in the same way', { a: 1 }, { a: 2 }, { a: 2 }, { a: 2 }],
  ['both change the same differently', { a: 1 }, { a: 2 }, { a: 3 }, { a: 'clash' }],
  ['the clone removed what the template changed', { a: 1 }, {}, { a: 2 }, { a: 'clash' }],
  ['lists are values', { a: [1] }, { a: [1] }, { a: [1, 2] }, { a: [1, 2] }],
  ['both add the same object', {}, { a: { b: 1 } }, { a: { c: 1 } }, { a: { b: 1, c: 1 } }],
])('JSON by its keys: %s', (_name, base, ours, theirs, merged) => {
  expect(mergeJson(base, ours, theirs, clash)).toEqual(merged);
});

test('sorted keys stay sorted, other orders stay as the clone has them', () => {
  const keys = (ours: object, theirs: object) => Object.keys(mergeJson({}, ours, theirs, clash) as object);
  expect(keys({ a: 1, c: 1 }, { b: 1 })).toEqual(['a', 'b', 'c']);
  expect(keys({ name: 1, main: 1 }, { bin: 1 })).toEqual(['name', 'main', 'bin']);
});
