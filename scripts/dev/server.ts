/**
 * The server that `npm run dev` restarts. Where a start would make a development key, it uses one key for the whole session,
 * with all scopes of the current definitions. Only `dev.ts` knows its secret.
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
  if (!(error instanceof ConfigError)) throw error; // the server is about to report it
}
await import('../../src/main.js');
