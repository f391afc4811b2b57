/** Records in a store whose reader learns nothing of them and cannot change or exchange them (AES-256-GCM). */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { KeptValues } from '../stores/kept-values.js';

export interface SealedRecords<R extends object> {
  get(name: string): Promise<R | undefined>;
  /** The record, which is gone then: of several who take it one gets it. */
  take(name: string): Promise<R | undefined>;
  /** Keeps a record unless the name has one. */
  add(name: string, record: R, ttlMs: number): Promise<void>;
  set(name: string, record: R, ttlMs: number): Promise<void>;
  /** An unguessable name, which every replica makes of the same text. */
  nameFor(text: string): string;
}

const ALGORITHM = 'aes-256-gcm';
const [IV_BYTES, TAG_BYTES] = [12, 16];

/**
 * @param kind begins the names in the store
 * @param stateKeys `STATE_KEYS`, which replicas share: the first seals, all open
 */
export function sealedRecords<R extends object>(
  kind: string,
  stateKeys: readonly Uint8Array[],
  store: KeptValues,
): SealedRecords<R> {
  const keys = stateKeys.map((key) => createHmac('sha256', key).update('grants of users').digest());
  const [first = Buffer.alloc(0)] = keys;

  const keyOf = (name: string) => `${kind}:${name}`;
  // The name is sealed too: the grant of one user, put under the name of another, does not open.
  const seal = (name: string, record: R): string => {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, first, iv).setAAD(Buffer.from(keyOf(name)));
    const text = Buffer.concat([cipher.update(JSON.stringify(record)), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64url');
  };
  const openWith = (key: Buffer, name: string, sealed: Buffer): string | undefined => {
    try {
      const iv = sealed.subarray(0, IV_BYTES);
      const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(keyOf(name))).setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      return Buffer.concat([
        decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)),
        decipher.final(),
      ]).toString();
    } catch {
      return undefined;
    }
  };
  /** What no key opens was sealed before a restart without `STATE_KEYS`, or by somebody else: it does not exist. */
  const open = (name: string, value: string | undefined): R | undefined => {
    if (value === undefined) return undefined;
    const sealed = Buffer.from(value, 'base64url');
    for (const key of keys) {
      const text = openWith(key, name, sealed);
      if (text !== undefined) return JSON.parse(text) as R;
    }
    return undefined;
  };

  return {
    get: async (name) => open(name, await store.get(keyOf(name))),
    take: async (name) => open(name, await store.take(keyOf(name))),
    add: async (name, record, ttlMs) => void (await store.add(keyOf(name), seal(name, record), ttlMs)),
    set: (name, record, ttlMs) => store.set(keyOf(name), seal(name, record), ttlMs),
    nameFor: (text) => createHmac('sha256', first).update(text).digest('base64url'),
  };
}
