/** What every server of the soak is told, and the files that it needs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issuer } from '../identity.js';
import { writeDocuments } from './documents.js';

export async function commonEnv(folder: string, { issuer }: Issuer): Promise<Record<string, string>> {
  const files = join(folder, 'files');
  const keys = join(folder, 'keys.json');
  await writeDocuments(files);
  await writeFile(keys, '{"version":1,"keys":[]}', { mode: 0o600 });
  return {
    AUTH: 'jwt,api-key',
    API_KEYS_FILE: keys,
    JWT_ISSUERS: issuer,
    JWT_JWKS_URL: `${issuer}/jwks`,
    TRUSTED_PROXIES: '127.0.0.1/32',
    FILES_ROOT: files,
    LOG_LEVEL: 'error',
  };
}
