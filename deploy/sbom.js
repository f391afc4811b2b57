/**
 * `node deploy/sbom.js FILE`, after `npm ci --omit=dev`: lists what is installed, in CycloneDX. Leaves out the time and the
 * serial number, which would make every image different, and adds Node, which no lockfile names.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const { devDependencies: _dev, ...project } = read('package.json');
const lock = read('node_modules/.package-lock.json');

/** As if the project had no development dependencies: `--omit=dev` would also omit those that the server shares with them. */
function sbomOf(folder) {
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  const packages = { '': project, ...lock.packages };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, packages }));
  const flags = ['--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
  return JSON.parse(execFileSync('npm', ['sbom', ...flags], { cwd: folder, encoding: 'utf8' }));
}

const folder = mkdtempSync(join(tmpdir(), 'sbom-'));
const { serialNumber: _serial, ...sbom } = sbomOf(folder);
rmSync(folder, { recursive: true });

const { node: version } = process.versions;
const purl = `pkg:generic/node@${version}`;
delete sbom.metadata.timestamp;
sbom.metadata.component.name = project.name; // npm uses the name of the folder
sbom.components.push({ 'bom-ref': purl, type: 'platform', name: 'node', version, purl });
writeFileSync(process.argv[2], `${JSON.stringify(sbom, null, 1)}\n`);
