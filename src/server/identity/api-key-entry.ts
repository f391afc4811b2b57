/** One API key as the file holds it, and the file's form. */
import { z } from 'zod';
import { newApiKey } from './api-key-format.js';
import { SCOPE_TOKEN } from '../exact-names.js';

const time = z.iso.datetime();
const scope = z.string().regex(SCOPE_TOKEN);

const ApiKeySecret = z.strictObject({
  /** SHA-256 of the whole key, base64url. */
  hash: z.string().regex(/^[\w-]{43}$/),
  /** Absent on the current secret; on the one it replaced, the end of the overlap. */
  validUntil: time.optional(),
});

export const ApiKeyEntry = z.strictObject({
  id: z.string().regex(/^[0-9A-Za-z]{12}$/),
  /** For people; without control characters, because it is printed on terminals. */
  name: z.string().regex(/^\P{C}{1,100}$/u),
  scopes: z.array(scope),
  createdAt: time,
  expiresAt: time.optional(),
  revokedAt: time.optional(),
  /** The current secret and, during a rotation, the one before. */
  secrets: z.array(ApiKeySecret).min(1).max(2),
});
export type ApiKeyEntry = z.infer<typeof ApiKeyEntry>;

/** Unknown members are errors: a misspelt `expiresAt` must not make a key eternal. */
export const ApiKeyFile = z
  .strictObject({ version: z.literal(1), keys: z.array(ApiKeyEntry) })
  .refine(({ keys }) => new Set(keys.map(({ id }) => id)).size === keys.length, 'two keys have the same id');
export type ApiKeyFile = z.infer<typeof ApiKeyFile>;

/** The text of a key file. @throws {Error} naming the first problem, without values. */
export function parseApiKeyFile(text: string): ApiKeyFile {
  const result = ApiKeyFile.safeParse(parseJson(text));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Error(`not a key file: ${issue?.path.join('.')} ${issue?.message}`);
}

/** `JSON.parse` quotes the text in its message. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('not a key file: not JSON');
  }
}

/** A key that lives as long as this process, for a first try on one's own machine. */
export function developmentKey(scopes: readonly string[]) {
  const { id, key, hash } = newApiKey('dev');
  const createdAt = new Date().toISOString();
  const entry: ApiKeyEntry = { id, name: 'development', scopes: [...scopes], createdAt, secrets: [{ hash }] };
  return { key, entry };
}
