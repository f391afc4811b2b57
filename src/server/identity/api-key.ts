import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type ApiKeyEntry, parseApiKeyFile } from './api-key-entry.js';
import { hashApiKey, looksLikeApiKey, parseApiKey } from './api-key-format.js';
import type { Caller } from './caller.js';
import { credentialsInvalid, type IdentityLog, type Verifier } from './verifier.js';
import { rereadOrRefuse } from './reread-on-use.js';

export interface ApiKeyVerifierOptions {
  /** Path of the key file (`npm run key`), re-read when it changes. */
  readonly file?: string;
  /** Keys instead of a file. */
  readonly entries?: readonly ApiKeyEntry[];
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly logger?: IdentityLog;
}

const NO_KEY =
  'API_KEYS_FILE holds no key: every call is refused until npm run key -- create, or node dist/key.js create, adds one';

/** A dummy hash: an unknown id takes as long as a known one. */
const NOBODY = randomBytes(32);

/**
 * Proves API keys by their hashes.
 *
 * While the file cannot be read or parsed, every key is refused with 503 `store_unavailable`: the last good set may
 * include a key that the broken edit was meant to revoke.
 *
 * @throws when the file cannot be read or parsed at the start
 */
export async function apiKeyVerifier(options: ApiKeyVerifierOptions): Promise<Verifier> {
  const { file, entries = [], now = Date.now, logger } = options;
  if (file === undefined && entries.length === 0)
    throw new TypeError('apiKeyVerifier needs a file or entries');
  const byId = (keys: readonly ApiKeyEntry[]) => new Map(keys.map((entry) => [entry.id, entry]));
  const fixed = byId(entries);
  const { read, orRefuse } =
    file === undefined
      ? { read: async () => fixed, orRefuse: async () => fixed }
      : rereadOrRefuse(file, (text) => byId(parseApiKeyFile(text).keys), now, {
          reason: 'api_keys_file',
          problem: 'API_KEYS_FILE refused: no key is accepted',
          logger,
        });
  if ((await read()).size === 0) logger?.warn({ file }, NO_KEY);

  return {
    kind: 'api-key',
    accepts: looksLikeApiKey,
    async verify(credential) {
      const parsed = parseApiKey(credential);
      if (typeof parsed === 'string') throw credentialsInvalid(parsed);
      return prove((await orRefuse()).get(parsed.id), credential, now());
    },
    withdrawn: async () => {
      const keys = await orRefuse();
      return ({ method, keyId = '', scopes }) => method === 'api-key' && !isGranted(keys.get(keyId), scopes);
    },
    close() {},
  };
}

/** Checks the secret first, so that only its holder can cause the reasons below it; only the audit shows them. */
function prove(entry: ApiKeyEntry | undefined, credential: string, now: number): Caller {
  const presented = hashApiKey(credential);
  const matches = [0, 1].map((slot) => timingSafeEqual(presented, storedHash(entry, slot)));
  const secret = entry?.secrets[matches.indexOf(true)];
  if (!entry) throw credentialsInvalid('unknown_key');
  if (!secret) throw credentialsInvalid('wrong_secret', { keyId: entry.id });
  if (entry.revokedAt) throw credentialsInvalid('revoked', { keyId: entry.id });
  if (isOver(entry.expiresAt, now)) throw credentialsInvalid('expired', { keyId: entry.id });
  if (isOver(secret.validUntil, now)) throw credentialsInvalid('rotated', { keyId: entry.id });
  const ends = [entry.expiresAt, secret.validUntil].flatMap((time) => (time ? [Date.parse(time)] : []));
  return {
    issuer: 'api-key',
    subject: entry.id,
    keyId: entry.id,
    method: 'api-key',
    scopes: entry.scopes,
    ...(ends.length > 0 && { expiresAt: Math.min(...ends) }),
  };
}

/** Whether the key is still there, with all the scopes that it had. */
function isGranted(entry: ApiKeyEntry | undefined, scopes: readonly string[]): boolean {
  return !!entry && !entry.revokedAt && scopes.every((scope) => entry.scopes.includes(scope));
}

function storedHash(entry: ApiKeyEntry | undefined, slot: number): Buffer {
  const hash = entry?.secrets[slot]?.hash;
  return hash === undefined ? NOBODY : Buffer.from(hash, 'base64url');
}

function isOver(time: string | undefined, now: number): boolean {
  return time !== undefined && !(Date.parse(time) > now); // an invalid time counts as past
}
