/** The image's server in its container, with the settings and mounts that a deployment gives it. */
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newApiKey } from '../../../src/server/identity/api-key-format.js';
import { freePort } from '../../helpers/free-port.js';
import type { ImageConfig } from './build.js';
import { states } from './contents.js';
import { type Container, runContainer } from './run.js';

export const LIMITS = { memoryBytes: 256 * 1024 * 1024, pids: 128 };
const GROUP = 65532;

export interface ServerInContainer {
  readonly container: Container;
  readonly url: string;
  readonly key: string;
  /** The folder that is mounted for the audit. */
  readonly audit: string;
  /** Of the image's files, when it had not begun. */
  readonly before: readonly string[];
}

/** @param root the files of the image */
export async function startInContainer(
  folder: string,
  root: string,
  image: ImageConfig,
): Promise<ServerInContainer> {
  const [secrets, audit] = [join(folder, 'secrets'), join(folder, 'audit')];
  for (const path of [secrets, audit]) mkdirSync(path);
  chownSync(audit, GROUP, GROUP);
  const key = writeKey(join(secrets, 'api-keys.json'));
  const port = await freePort();
  for (const name of ['proc', 'dev', 'sys', 'run/secrets', 'var/log/mcp']) // as a runtime does
    mkdirSync(join(root, name), { recursive: true });
  const before = states(root);
  const container = runContainer(folder, {
    root,
    image,
    ...LIMITS,
    mounts: [
      ['/run/secrets', secrets, 'ro'],
      ['/var/log/mcp', audit, 'rw'],
    ],
    env: {
      PORT: String(port),
      ADMIN_PORT: '0',
      PUBLIC_URL: 'https://mcp.example.com/mcp',
      ALLOWED_HOSTS: `127.0.0.1:${port}`,
      TRUSTED_PROXIES: 'none',
      API_KEYS_FILE: '/run/secrets/api-keys.json',
      AUDIT_SINKS: 'stdout,file:/var/log/mcp/audit.log',
      SHUTDOWN_DELAY_MS: '0',
      NODE_OPTIONS: '--max-old-space-size=160',
    },
  });
  await container.saw(/^Serving MCP/m);
  return { container, url: `http://127.0.0.1:${port}/mcp`, key, audit, before };
}

function writeKey(path: string): string {
  const { id, key, hash } = newApiKey('live');
  const entry = { id, name: 'test', scopes: ['documents:read'], createdAt: new Date().toISOString() };
  const keys = { version: 1, keys: [{ ...entry, secrets: [{ hash }] }] };
  writeFileSync(path, JSON.stringify(keys), { mode: 0o440 });
  chownSync(path, 0, GROUP);
  return key;
}
