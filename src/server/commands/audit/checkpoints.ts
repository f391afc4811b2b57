/** The signed checkpoints of all files, checked against the key. */
import type { KeyObject } from 'node:crypto';
import { originOf } from '../../observe/audit-checkpoints.js';
import { type Checkpoint, openNote, readCheckpoint } from '../../observe/signed-note.js';

export interface SignedState extends Checkpoint {
  readonly chain: string;
  /** The hash of the last record that it counts. */
  readonly head: string;
  readonly time: string;
}

/** @returns what is signed, or what is wrong with it */
export function readSigned(line: Readonly<Record<string, unknown>>, key: KeyObject): SignedState | string {
  const { replica, chain, checkpoint: note } = line;
  if (typeof note !== 'string' || typeof replica !== 'string' || typeof chain !== 'string') {
    return 'is no checkpoint';
  }
  const origin = originOf(replica, chain);
  const text = openNote(note, origin, key);
  if (text === undefined) return 'is not signed by this key, or was altered';
  const checkpoint = readCheckpoint(text);
  const [head, time] = ['head ', 'time '].map((name) => extension(checkpoint, name));
  if (checkpoint?.origin !== origin || head === undefined || time === undefined) return 'is no checkpoint';
  return { ...checkpoint, chain, head, time };
}

function extension(checkpoint: Checkpoint | undefined, name: string): string | undefined {
  return checkpoint?.extensions.find((line) => line.startsWith(name))?.slice(name.length);
}
