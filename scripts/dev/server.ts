/**
 * What `npm run dev` starts again and again: the server, with the session's key where a start would make one. The scopes
 * of the key are those of the definitions as they are now; its secret is known to `dev.ts` alone.
 */
import { writeFileSync } from 'node:fs';
import { prompts } from '../../src/prompts/index.js';
import { resources } from '../../src/resources/index.js';
import { ConfigError, loadConfig } from '../../src/server/config/index.js';
import type { ApiKeyEntry } from '../../src/server/identity/api-key-entry.js';
import { compileCatalog } from '../../src/server/mcp/definitions/catalog.js';
import { settings } from '../../src/settings.js';
import { tools } from '../../src/tools/index.js';

const [keysFile = '', entry = ''] = process.argv.splice(2); // the server itself takes no arguments

function useSessionKey(): void {
  const { AUTH, API_KEYS_FILE, REQUIRED_SCOPES } = loadConfig(process.env, settings);
  if (!AUTH.includes('api-key') || API_KEYS_FILE !== undefined) return;
  const { scopes } = compileCatalog({ tools, resources, prompts }, REQUIRED_SCOPES);
  const key = { ...(JSON.parse(entry) as ApiKeyEntry), scopes };
  writeFileSync(keysFile, JSON.stringify({ version: 1, keys: [key] }), { mode: 0o600 });
  process.env['API_KEYS_FILE'] = keysFile;
}

try {
  useSessionKey();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error; // which the server is about to say
}
await import('../../src/main.js');
