/**
 * Text with an Ed25519 signature (https://c2sp.org/signed-note), and the checkpoint of a log in that form
 * (https://c2sp.org/tlog-checkpoint): origin, size, root of the Merkle tree.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto';

export interface Checkpoint {
  /** Names the log, and the key that signs it. */
  readonly origin: string;
  /** Number of records. */
  readonly size: number;
  readonly root: Buffer;
  readonly extensions: readonly string[];
}

const ED25519 = Buffer.from([1]);
const KEY_ID_BYTES = 4;

function keyId(name: string, key: KeyObject): Buffer {
  const { x = '' } = key.export({ format: 'jwk' });
  const hash = createHash('sha256').update(`${name}\n`).update(ED25519).update(Buffer.from(x, 'base64url'));
  return hash.digest().subarray(0, KEY_ID_BYTES);
}

/** @param text ends with a newline @param name without spaces and `+` */
export function signNote(text: string, name: string, privateKey: KeyObject): string {
  const signature = Buffer.concat([keyId(name, privateKey), sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n— ${name} ${signature.toString('base64')}\n`;
}

/** The text of a note, when the key has signed it by this name. Other signatures are ignored, as the specification says. */
export function openNote(note: string, name: string, publicKey: KeyObject): string | undefined {
  const end = note.lastIndexOf('\n\n') + 1;
  const text = note.slice(0, end);
  const id = keyId(name, publicKey);
  const isOurs = note
    .slice(end + 1)
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith(`— ${name} `))
    .map((line) => decoded(line.slice(`— ${name} `.length)))
    .some(
      (bytes) =>
        bytes.subarray(0, KEY_ID_BYTES).equals(id) &&
        verify(null, Buffer.from(text), publicKey, bytes.subarray(KEY_ID_BYTES)),
    );
  return end > 0 && isOurs ? text : undefined;
}

/** Nothing when it is not the one spelling in base64. */
function decoded(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : Buffer.alloc(0);
}

export const checkpointText = ({ origin, size, root, extensions }: Checkpoint) =>
  [origin, size, root.toString('base64'), ...extensions, ''].join('\n');

const CHECKPOINT = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)$/;

/** @param text of a note, or a whole note */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const [, origin, size, root, extensions] = CHECKPOINT.exec(text) ?? [];
  if (origin === undefined || root === undefined || extensions === undefined) return undefined;
  return {
    origin,
    size: Number(size),
    root: Buffer.from(root, 'base64'),
    extensions: extensions.split('\n').slice(0, -1),
  };
}
