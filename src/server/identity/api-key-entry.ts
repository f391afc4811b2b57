/** The format of the key file and of one API key in it. */
import { z } from 'zod';
import { API_KEY_ID, newApiKey } from './api-key-format.js';
import { SCOPE_TOKEN } from '../exact-names.js';
import { parseJsonFile } from './parse-json-file.js';

const time = z.iso.datetime();
const scope = z.string().regex(SCOPE_TOKEN);

const ApiKeySecret = z.strictObject({
  /** SHA-256 of the whole key, base64url. */
  hash: z.string().regex(/^[\w-]{43}$/),
  /** End of the overlap, for a secret that was replaced; absent for the current one. */
  validUntil: time.optional(),
});

export const ApiKeyEntry = z.strictObject({
  id: z.string().regex(API_KEY_ID),
  /** For people. No control characters: terminals print it. */
  name: z.string().regex(/^\P{C}{1,100}$/u),
  scopes: z.array(scope),
  createdAt: time,
  expiresAt: time.optional(),
  revokedAt: time.optional(),
  /** The current secret and, during a rotation, the previous one. */
  secrets: z.array(ApiKeySecret).min(1).max(2),
});
export type ApiKeyEntry = z.infer<typeof ApiKeyEntry>;

/** Unknown members are errors: a key with a misspelt `expiresAt` must not live for ever. */
export const ApiKeyFile = z
  .strictObject({ version: z.literal(1), keys: z.array(ApiKeyEntry) })
  .refine(({ keys }) => new Set(keys.map(({ id }) => id)).size === keys.length, 'two keys have the same id');
export type ApiKeyFile = z.infer<typeof ApiKeyFile>;

/** The text of a key file. @throws {Error} naming the first problem, without values. */
export function parseApiKeyFile(text: string): ApiKeyFile {
  return parseJsonFile(ApiKeyFile, text, 'key file');
}

/** A key for a first try on one's own machine, valid as long as this process. */
export function developmentKey(scopes: readonly string[]) {
  const { id, key, hash } = newApiKey('dev');
  const createdAt = new Date().toISOString();
  const entry: ApiKeyEntry = { id, name: 'development', scopes: [...scopes], createdAt, secrets: [{ hash }] };
  return { key, entry };
}
