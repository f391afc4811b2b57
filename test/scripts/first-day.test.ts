/** What a clone does on its first day: a tool of its own, no samples, a name. */
import { readdirSync } from 'node:fs';
import { afterAll, expect, test } from '@jest/globals';
import { type Clone, cloneProject, TSX } from '../helpers/clone.js';

const STEPS = {
  tool: ['scripts/new.ts', 'tool', 'first-day'],
  samples: ['scripts/new.ts', '--remove-samples'],
  name: ['scripts/rename.ts', 'first-day-desk'],
} as const;
type Step = keyof typeof STEPS;
const ORDERS: readonly (readonly Step[])[] = [
  ['tool', 'samples', 'name'],
  ['tool', 'name', 'samples'],
  ['samples', 'tool', 'name'],
  ['samples', 'name', 'tool'],
  ['name', 'tool', 'samples'],
  ['name', 'samples', 'tool'],
];

const clones: Clone[] = [];
afterAll(() => {
  for (const clone of clones) clone.remove();
});

function cloneAfter(steps: readonly Step[]): Clone {
  const clone = cloneProject();
  clones.push(clone);
  for (const step of steps) clone.node(...TSX, ...STEPS[step]);
  return clone;
}

/** Every file with its content. */
function filesOf({ folder, read }: Clone): ReadonlyMap<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !/[\\/]node_modules(?:[\\/]|$)/.test(entry.parentPath))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1));
  return new Map(paths.sort().map((path) => [path, read(path)]));
}

test('a tool, the samples gone, a name: the same clone in whatever order', () => {
  const [first = new Map(), ...others] = ORDERS.map((order) => filesOf(cloneAfter(order)));
  for (const files of others) {
    expect([...files.keys()]).toEqual([...first.keys()]);
    expect([...files].filter(([path, text]) => first.get(path) !== text).map(([path]) => path)).toEqual([]);
  }
}, 240_000);

test('each can be run again: a second tool, samples that are gone already, the same name', () => {
  const clone = cloneAfter(['tool', 'samples', 'name']);
  const before = filesOf(clone);

  expect(clone.node(...TSX, ...STEPS.samples)).toBe('There are no samples here any more.\n');
  expect(clone.node(...TSX, ...STEPS.name)).toBe('This is first-day-desk already.\n');
  expect(filesOf(clone)).toEqual(before);
  expect(clone.node(...TSX, 'scripts/new.ts', 'tool', 'second-day')).toContain('src/tools/second-day.ts');
}, 240_000);
