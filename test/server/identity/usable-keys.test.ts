import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { usableKeys } from '../../../src/server/identity/usable-keys.js';

const jwk = (type: 'rsa' | 'ec' | 'ed25519', options: object = {}) =>
  generateKeyPairSync(type as 'rsa', options as { modulusLength: number }).publicKey.export({
    format: 'jwk',
  });
const rsa = jwk('rsa', { modulusLength: 2048 });
const ec = jwk('ec', { namedCurve: 'P-256' });
const ed25519 = jwk('ed25519');
const kept = (key: JsonWebKey | object) => usableKeys({ keys: [key] }).keys.length === 1;

test.each([
  ['RSA of 2048 bits', rsa],
  ['an EC key', ec],
  ['an Ed25519 key', ed25519],
  ['a key for signatures', { ...ec, use: 'sig' }],
  ['a key that may verify', { ...ec, key_ops: ['verify'] }],
])('%s may verify tokens', (_name, key) => {
  expect(kept(key)).toBe(true);
});

describe('a key that must not be trusted is left out', () => {
  const offCurve = Buffer.from(String(ec.y), 'base64url');
  offCurve[31] = Number(offCurve[31]) ^ 1;

  test.each([
    ['RSA of 1024 bits', jwk('rsa', { modulusLength: 1024 })],
    ['an RSA exponent of 3', jwk('rsa', { modulusLength: 2048, publicExponent: 3 })],
    ['an RSA exponent of 1', { ...rsa, e: 'AQ' }],
    ['an even RSA exponent', { ...rsa, e: Buffer.from([1, 0, 2]).toString('base64url') }],
    ['an EC point off its curve', { ...ec, y: offCurve.toString('base64url') }],
    ['an EC key of another curve than it names', { ...ec, crv: 'P-384' }],
    ['a key for encryption', { ...ec, use: 'enc' }],
    ['a key that may only sign', { ...ec, key_ops: ['sign'] }],
    ['operations that are no list', { ...ec, key_ops: 'verify' }],
    ['a shared secret', { kty: 'oct', k: 'AAAA' }],
    ['what is no key', null],
    ['what has no type', {}],
  ])('%s', (_name, key) => {
    expect(kept(key as object)).toBe(false);
  });
});

test('a bad key takes no good one with it', () => {
  expect(usableKeys({ keys: [{ kty: 'oct', k: 'AAAA' }, ec as never] }).keys).toEqual([ec]);
});
