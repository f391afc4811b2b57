import { hash } from 'node:crypto';

const [LEAF, NODE] = [Buffer.from([0]), Buffer.from([1])];

const sha256 = (...parts: readonly Uint8Array[]) => hash('sha256', Buffer.concat(parts), 'buffer');

/** A Merkle tree (RFC 6962 §2.1) that grows leaf by leaf. It keeps the roots of its complete subtrees, largest first. */
export class MerkleTree {
  readonly #subtrees: Buffer[] = [];
  #size = 0;

  append(leaf: Uint8Array): void {
    let root = sha256(LEAF, leaf);
    for (let pairs = this.#size; pairs % 2 === 1; pairs = Math.floor(pairs / 2)) {
      root = sha256(NODE, this.#subtrees.pop() as Buffer, root);
    }
    this.#subtrees.push(root);
    this.#size += 1;
  }

  root(): Buffer {
    if (this.#size === 0) return sha256();
    return this.#subtrees.reduceRight((right, left) => sha256(NODE, left, right));
  }
}
