/** Who is refused although the credential is good: an attacker got it, or its owner has left. */
import { z } from 'zod';
import { API_KEY_ID } from './api-key-format.js';
import type { Caller } from './caller.js';
import { parseJsonFile } from './parse-json-file.js';
import { rereadOrRefuse } from './reread-on-use.js';
import { credentialsInvalid, type IdentityLog, type IsWithdrawn, type Verifier } from './verifier.js';

const name = z.string().regex(/^\P{C}+$/u, 'must be text');

/** Unknown members are errors, and so is an entry that can match nobody: a typing error must not let anyone in. */
const DenylistFile = z.strictObject({
  subjects: z
    .array(z.string().regex(/^\S+ \P{C}+$/u, 'must be an issuer, a space and a subject'))
    .default([]),
  clients: z.array(name).default([]),
  /** `jti` of tokens. */
  tokens: z.array(name).default([]),
  /** Ids of API keys, not the keys. */
  keys: z.array(z.string().regex(API_KEY_ID, 'must be the id of a key')).default([]),
});

/** @throws {Error} naming the first problem, without values */
export function parseDenylist(text: string): IsWithdrawn {
  const file = parseJsonFile(DenylistFile, text, 'denylist');
  const subjects = new Set(file.subjects);
  const clients = new Set(file.clients);
  const tokens = new Set(file.tokens);
  const keys = new Set(file.keys);
  const has = (denied: ReadonlySet<string>, id: string | undefined) => id !== undefined && denied.has(id);
  return ({ issuer, subject, clientId, tokenId, keyId }: Caller) =>
    subjects.has(`${issuer} ${subject}`) ||
    has(clients, clientId) ||
    has(tokens, tokenId) ||
    has(keys, keyId);
}

/**
 * `DENYLIST_FILE`, re-read when it changes. While it cannot be read or parsed, every credential is refused with 503
 * `store_unavailable`: nobody knows whom it names.
 *
 * @throws when the file cannot be read or parsed at the start
 */
export async function openDenylist(file: string, logger: IdentityLog, now: () => number = Date.now) {
  const { read, orRefuse } = rereadOrRefuse(file, parseDenylist, now, {
    reason: 'denylist_file',
    problem: 'DENYLIST_FILE refused: no credential is accepted',
    logger,
  });
  await read();
  return {
    current: orRefuse,
    /** The verifier, which refuses whom the denylist names. */
    guard: (verifier: Verifier): Verifier => ({
      ...verifier,
      async verify(credential) {
        const caller = await verifier.verify(credential);
        const isDenied = await orRefuse();
        if (isDenied(caller)) throw credentialsInvalid('denied');
        return caller;
      },
    }),
  };
}
