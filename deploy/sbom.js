/**
 * `node deploy/sbom.js FILE`, after `npm ci --omit=dev`: what is installed, by CycloneDX. Without the moment and the
 * serial number, which would make every build another image; with Node, which no lockfile names.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const { devDependencies: _dev, ...project } = read('package.json');
const lock = read('node_modules/.package-lock.json');

/** Of a project that has no development dependencies: `--omit=dev` also omits what they share with the server. */
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
sbom.metadata.component.name = project.name; // npm takes the folder's
sbom.components.push({ 'bom-ref': purl, type: 'platform', name: 'node', version, purl });
writeFileSync(process.argv[2], `${JSON.stringify(sbom, null, 1)}\n`);
