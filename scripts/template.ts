/** `npm run template`: for the template's maintainers. Writes its version and the digests of its files. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { onlyHelp } from './only-help.js';
import { ownerOf, readTemplate, TEMPLATE_FILE } from './template/ownership.js';
import { digestOf } from '../src/server/commands/doctor/template.js';

onlyHelp(`npm run template

For the maintainers of the template, never in a clone: writes the version of package.json and the digest of each file of the
template into ${TEMPLATE_FILE}. A clone's copy says what the clone began with.
`);

const template = readTemplate();
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const files = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'],
  { encoding: 'utf8' },
)
  .split('\0')
  .filter((path) => path !== '' && existsSync(path) && ownerOf(path, template) === 'template');
const digests = Object.fromEntries(files.sort().map((path) => [path, digestOf(readFileSync(path))]));
writeFileSync(TEMPLATE_FILE, `${JSON.stringify({ ...template, version, digests }, null, 2)}\n`);
