import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, test } from '@jest/globals';
import {
  checkpointText,
  openNote,
  readCheckpoint,
  signNote,
} from '../../../src/server/observe/signed-note.js';

/** The example of golang.org/x/mod/sumdb/note, whose key is public. */
const SEED = 'gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=';
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const NOTE = `${TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;
/** A tree head of the Go checksum database, and its key. */
const GO_KEY = 'Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8';
const GO_NOTE = `go.sum database tree
65209736
5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=

— sum.golang.org Az3grnbssgK7ubgFX36gVETtNv0U23qxyAhAMai2QUfeGa3nB/akvkMdlUErfcZz7l/R3cVtYspg3dxXABkGZZKdsQ8=
`;

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const privateKey = createPrivateKey({
  key: Buffer.concat([PKCS8, Buffer.from(SEED, 'base64')]),
  format: 'der',
  type: 'pkcs8',
});
const publicKey = createPublicKey(privateKey);

function goKey(): KeyObject {
  const raw = Buffer.from(GO_KEY, 'base64').subarray(1);
  return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
}

test('a note is signed byte by byte as the published example', () => {
  expect(signNote(TEXT, 'PeterNeumann', privateKey)).toBe(NOTE);
  expect(openNote(NOTE, 'PeterNeumann', publicKey)).toBe(TEXT);
});

test('a published checkpoint is read, and its signature checked', () => {
  const text = openNote(GO_NOTE, 'sum.golang.org', goKey());

  expect(text).toBe(GO_NOTE.slice(0, GO_NOTE.indexOf('\n\n') + 1));
  expect(readCheckpoint(text ?? '')).toEqual({
    origin: 'go.sum database tree',
    size: 65_209_736,
    root: Buffer.from('5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=', 'base64'),
    extensions: [],
  });
});

test('a note is opened by its own name and key alone, other signatures beside it do not matter', () => {
  const other = generateKeyPairSync('ed25519');
  const cosigned = `${NOTE}${signNote(TEXT, 'witness', other.privateKey).slice(TEXT.length + 1)}`;

  expect(openNote(cosigned, 'PeterNeumann', publicKey)).toBe(TEXT);
  expect(openNote(NOTE, 'PeterNeumann', other.publicKey)).toBeUndefined();
  expect(openNote(NOTE, 'Peter', publicKey)).toBeUndefined();
  expect(openNote(TEXT, 'PeterNeumann', publicKey)).toBeUndefined();
});

test('any changed character of the text or the signature closes a note', () => {
  const changed = Array.from(NOTE, (_, at) => `${NOTE.slice(0, at)}#${NOTE.slice(at + 1)}`);

  expect(changed.filter((note) => openNote(note, 'PeterNeumann', publicKey) !== undefined)).toEqual([]);
});

test.each([
  ['a size with a zero before it', 'o\n01\n{root}\n'],
  ['no root', 'o\n1\n\n'],
  ['an empty extension', 'o\n1\n{root}\n\nx\n'],
  ['no newline at its end', 'o\n1\n{root}'],
])('a text with %s is no checkpoint', (_, text) => {
  const root = Buffer.alloc(32, 1);

  expect(readCheckpoint(text.replace('{root}', root.toString('base64')))).toBeUndefined();
  const good = { origin: 'o', size: 1, root, extensions: ['x y'] };
  expect(readCheckpoint(checkpointText(good))).toEqual(good);
});
