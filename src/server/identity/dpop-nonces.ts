/** Nonces for DPoP proofs (RFC 9449 §8): each is the second in which it was made, and an HMAC of it. None is stored. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface DpopNonces {
  /** @param nowS seconds since the epoch */
  make(nowS: number): string;
  /** The second in which a nonce of ours was made; `undefined` for any other text. */
  madeAt(nonce: string): number | undefined;
}

/** @param keys `STATE_KEYS`, which replicas share: the first signs, all verify */
export function dpopNonces(keys: readonly Uint8Array[]): DpopNonces {
  const own = keys.map((key) => createHmac('sha256', key).update('nonces of DPoP').digest());
  const sign = (key: Uint8Array, second: string) => createHmac('sha256', key).update(second).digest();
  const [first = Buffer.alloc(0)] = own;
  return {
    make(nowS) {
      const second = String(Math.floor(nowS));
      return `${second}.${sign(first, second).toString('base64url')}`;
    },
    madeAt(nonce) {
      const [, second = '', signature = ''] = /^(\d{1,12})\.([\w-]{43})$/.exec(nonce) ?? [];
      const given = Buffer.from(signature, 'base64url');
      const isOurs = own.some((key) => given.length === 32 && timingSafeEqual(given, sign(key, second)));
      return isOurs ? Number(second) : undefined;
    },
  };
}
