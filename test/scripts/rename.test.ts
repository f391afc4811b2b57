import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { NAME } from '../../scripts/name.js';
import { type Clone, cloneProject, JEST, TSX } from '../helpers/clone.js';

/** Put together, so that this file has none of them. */
const [FIRST = '', SECOND = ''] = ['first', 'second'].map((word) => `${word}-of-two`);
const RENAME = [...TSX, 'scripts/rename.ts'];

/** The files of a clone that have the name, by itself or in names that are made from it. */
function filesWith(name: string, { folder, read }: Clone): readonly string[] {
  const word = new RegExp(`(?<![\\w-])${name}(?!\\w)`);
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile() && !/[\\/](?:node_modules|dist)(?:[\\/]|$)/.test(entry.parentPath))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1))
    .filter((path) => path !== 'LICENSE') // it names who wrote the template
    .filter((path) => word.test(path) || word.test(read(path)))
    .sort();
}

test('a clone gets its name everywhere, another one later, and its tests stay green', () => {
  const clone = cloneProject();
  try {
    const before = filesWith(NAME, clone);
    expect(before).toContain('deploy/kubernetes/base/deployment.yaml');
    clone.node(...RENAME, FIRST);
    clone.node(...RENAME, SECOND);

    expect(filesWith(NAME, clone)).toEqual([]);
    expect(filesWith(FIRST, clone)).toEqual([]);
    expect(filesWith(SECOND, clone)).toEqual([...new Set([...before, 'README.md', 'src/about.ts'])].sort());
    expect(JSON.parse(clone.read('package.json'))).toMatchObject({ name: SECOND });
    expect(clone.read('LICENSE')).toBe(readFileSync('LICENSE', 'utf8'));
    expect(clone.read('deploy/kubernetes/components/monitoring/dashboard.json')).toContain(
      'mcp_server_refusals',
    );
    expect(clone.node(...RENAME, SECOND)).toBe(`This is ${SECOND} already.\n`);

    clone.node('node_modules/@biomejs/biome/bin/biome', 'format', '.');
    const touched = [
      'test/deploy/compose',
      'test/deploy/dockerfile',
      'test/deploy/alerts',
      'test/config-docs',
      'test/docs/commands',
    ];
    clone.node(...JEST, ...touched, '--testPathIgnorePatterns', 'compose-services');
  } finally {
    clone.remove();
  }
}, 240_000);

test('a name that already means something is refused, and nothing is changed', () => {
  const clone = cloneProject();
  try {
    expect(() => clone.node(...RENAME, 'redis')).toThrow(/redis already means something in .*compose\.yaml/);
    expect(clone.read('deploy/compose.yaml')).toBe(readFileSync('deploy/compose.yaml', 'utf8'));
  } finally {
    clone.remove();
  }
});

test.each([
  [['--help'], 0, 'npm run rename'],
  [[], 64, 'Give one name'],
  [['Upper'], 64, 'Give one name'],
  [['a-'], 64, 'Give one name'],
  [['a'.repeat(31)], 64, 'Give one name'],
])('%j ends with %i and changes nothing', (args, code, words) => {
  const before = readFileSync('package.json', 'utf8');
  const { status, stdout, stderr } = spawnSync(process.execPath, [...RENAME, ...args], { encoding: 'utf8' });
  expect([status, stdout + stderr]).toEqual([code, expect.stringContaining(words)]);
  expect(readFileSync('package.json', 'utf8')).toBe(before);
});
