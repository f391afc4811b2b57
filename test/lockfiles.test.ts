/** What `npm ci` installs: from whichever registry is configured, on the oldest Node that we promise. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly engines?: { readonly node?: string };
}
const INSTALLED_ON_NODE_20 = ['package-lock.json', 'examples/console/package-lock.json'];
const LOCKFILES = [
  ...INSTALLED_ON_NODE_20,
  'test/conformance/package-lock.json',
  'test/interop/package-lock.json',
  'deploy/checks/package-lock.json',
].filter((path) => existsSync(path)); // interop goes with the samples

function packagesOf(lockfile: string): readonly (readonly [name: string, locked: Locked])[] {
  const { packages } = JSON.parse(readFileSync(lockfile, 'utf8')) as { packages: Record<string, Locked> };
  return Object.entries(packages).filter(([name]) => name !== '');
}

/** One alternative of a range: `>=18`, `^20.19.0`, `20 || 22`; what comes after its first version only narrows it above. */
function admitsNode2019(range: string): boolean {
  return range.split('||').some((part) => {
    const [, operator = '', major = '0', minor = '0'] = /([<>=^~]*)\s*v?(\d+)(?:\.(\d+))?/.exec(part) ?? [];
    if (Number(major) === 20) return Number(minor) <= 19;
    return operator.startsWith('>') && Number(major) < 20;
  });
}

test.each(LOCKFILES)('%s names no registry: whoever installs uses their own', (lockfile) => {
  const named = packagesOf(lockfile).filter(([, { resolved }]) => resolved !== undefined);
  expect(named).toEqual([]);
});

test('every package that the server is built from is known by its digest', () => {
  const unknown = packagesOf('package-lock.json').filter(
    ([, { integrity }]) => !integrity?.startsWith('sha512-'),
  );
  expect(unknown).toEqual([]);
});

test.each(INSTALLED_ON_NODE_20)('every package in %s runs on Node 20.19', (lockfile) => {
  const needsNewer = packagesOf(lockfile).filter(([, { engines }]) => {
    return engines?.node !== undefined && engines.node !== '*' && !admitsNode2019(engines.node);
  });
  expect(packagesOf(lockfile).length).toBeGreaterThan(10);
  expect(needsNewer).toEqual([]);
});

test('each part of OpenTelemetry is installed once: two would not see each other', () => {
  const parts = packagesOf('package-lock.json').map(([path]) => path.replace(/^.*node_modules\//, ''));
  const twice = parts.filter(
    (name, index) => name.startsWith('@opentelemetry/') && parts.indexOf(name) !== index,
  );
  expect(twice).toEqual([]);
});
