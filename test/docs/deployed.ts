/** What the manifests of deploy/kubernetes define and mount, read as they stand there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../helpers/pages.js';

interface Manifest {
  readonly kind: string;
  readonly namespace?: string;
  readonly metadata?: { readonly name: string };
}

const FOLDER = join(ROOT, 'deploy/kubernetes');
const manifests = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yaml'))
  .flatMap((path) => parseAllDocuments(readFileSync(join(FOLDER, path), 'utf8')))
  .map((document) => document.toJS() as Manifest);

const secretsIn = (some: readonly Manifest[]) =>
  new Set([...JSON.stringify(some).matchAll(/"secretName":"([^"]+)"/g)].map(([, name = '']) => name));
const made = secretsIn(manifests.filter(({ kind }) => kind === 'Certificate'));

/** Mounted, and made by no certificate: whoever deploys has to make them. */
export const neededSecrets = [...secretsIn(manifests)].filter((name) => !made.has(name));

export const namespaces = new Set(manifests.flatMap(({ namespace }) => namespace ?? []));

const objects = new Set(manifests.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata?.name}`));
export const exists = (kind: string, name: string): boolean =>
  kind === 'secret' ? secretsIn(manifests).has(name) : objects.has(`${kind}/${name}`);

/** Whether a service or a deployment of that name listens there. */
export const listens = (kind: string, name: string, port: string): boolean =>
  manifests
    .filter((one) => one.kind.toLowerCase() === kind && one.metadata?.name === name)
    .some((one) => new RegExp(`"(?:containerPort|port)":${port}\\b`).test(JSON.stringify(one)));
