import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cloneProject, JEST, TSX } from '../helpers/clone.js';

const RENAME = [...TSX, 'scripts/rename.ts'];

test('a clone gets its name everywhere, keeps the licence, and its tests stay green', () => {
  const clone = cloneProject();
  try {
    clone.node(...RENAME, 'acme-library-desk');

    const files = readdirSync(clone.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/[\\/]node_modules([\\/]|$)/.test(entry.parentPath))
      .map((entry) => join(entry.parentPath, entry.name));
    const left = files.filter((file) => /mcp-server/.test(`${file} ${readFileSync(file, 'utf8')}`));
    const known = ['LICENSE', 'scripts/rename.ts', 'test/scripts/rename.test.ts'];
    expect(left.map((file) => file.slice(clone.folder.length + 1)).sort()).toEqual(known);
    expect(JSON.parse(clone.read('package.json'))).toMatchObject({ name: 'acme-library-desk' });
    expect(clone.read('README.md')).toMatch(/^# acme-library-desk\n/);
    expect(clone.read('deploy/kubernetes/components/monitoring/dashboard.json')).toContain(
      'mcp_server_refusals',
    );

    clone.node('node_modules/@biomejs/biome/bin/biome', 'format', '.');
    const touched = [
      'test/deploy/compose',
      'test/deploy/dockerfile',
      'test/config-docs',
      'test/docs/commands',
    ];
    clone.node(...JEST, ...touched);
    expect(() => clone.node(...RENAME, 'another')).toThrow('Nothing here has the name');
  } finally {
    clone.remove();
  }
}, 240_000);

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
