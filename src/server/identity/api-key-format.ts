/**
 * The format of an API key: `mcp_<env>_<id>_<secret><crc32>`, parts in base62.
 * The prefix tells a key from a JWT and lets secret scanners find leaked keys. The checksum catches typing errors and
 * scanner noise before any look-up; it proves nothing, since anyone can compute it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 12;
/** 43 base62 characters carry 256 bits. */
const SECRET_LENGTH = 43;
/** 6 base62 characters hold any 32-bit number. */
const CHECKSUM_LENGTH = 6;
export const API_KEY_ID = /^[0-9A-Za-z]{12}$/;
const FORM = /^mcp_[a-z]{2,12}_([0-9A-Za-z]{12})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})$/;

export interface NewApiKey {
  readonly id: string;
  /** The whole key, shown once. */
  readonly key: string;
  /** Stored instead of the key. */
  readonly hash: string;
}

/** @param env where the key is used, for people and secret scanners: `live`, `dev`. */
export function newApiKey(env: 'live' | 'dev', id: string = randomBase62(ID_LENGTH)): NewApiKey {
  const body = `mcp_${env}_${id}_${randomBase62(SECRET_LENGTH)}`;
  const key = body + checksum(body);
  return { id, key, hash: hashApiKey(key).toString('base64url') };
}

export function looksLikeApiKey(credential: string): boolean {
  return credential.startsWith('mcp_');
}

/** The id of a well-formed key, or why it is malformed. */
export function parseApiKey(key: string): { readonly id: string } | 'malformed' | 'bad_checksum' {
  const [, id, sum] = FORM.exec(key) ?? [];
  if (id === undefined) return 'malformed';
  return sum === checksum(key.slice(0, -CHECKSUM_LENGTH)) ? { id } : 'bad_checksum';
}

/**
 * SHA-256 and not a slow password hash: nobody can guess 256 random bits at any speed, and attackers could use a slow hash
 * to exhaust the server. The hash covers environment and id, so neither can be swapped.
 */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 = 4 × 62. Larger bytes would make the first eight characters likelier.
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
    }
  }
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    text = ALPHABET.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}
