/** deploy/compose.yaml as data, and the secrets that its script makes, in a folder of our own. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<'server' | 'valkey' | 'grafana', Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

export const COMPOSE = 'deploy/compose';
export const compose = parse(readFileSync('deploy/compose.yaml', 'utf8'), { merge: true }) as Compose;

export interface Secrets {
  /** Where `compose/` is; the secrets are below it. */
  readonly folder: string;
  readonly path: string;
  read(name: string): string;
  /** @throws Error with what the script says */
  make(): void;
  /** What is written for a container, with our paths in place of those that it has there. */
  ours(text: string): string;
  remove(): void;
}

export function makeSecrets(): Secrets {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-compose-'));
  const path = join(folder, 'secrets');
  copyFileSync(join(COMPOSE, 'certificates.sh'), join(folder, 'certificates.sh'));
  const secrets = {
    folder,
    path,
    read: (name: string) => readFileSync(join(path, name), 'utf8'),
    make: () => {
      const { status, stderr } = spawnSync('sh', [join(folder, 'certificates.sh')], { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
    },
    ours: (text: string) => text.replaceAll('/run/secrets', path).replaceAll('/run/keys', join(path, 'keys')),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  secrets.make();
  return secrets;
}
