import { createHash } from 'node:crypto';

/** The length of every hash in the tree, in bytes. */
export const HASH_BYTES = 32;

/** RFC 6962, section 2.1: leaves are hashed with 0x00 in front, nodes with 0x01. */
const NODE_PREFIX = Buffer.from([0x01]);

/** The root of the Merkle tree over these leaf hashes (RFC 6962, section 2.1). */
export function merkleRoot(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (!only) return createHash('sha256').digest();
  if (leaves.length === 1) return only;
  const middle = splitPoint(leaves.length);
  return node(merkleRoot(leaves.slice(0, middle)), merkleRoot(leaves.slice(middle)));
}

/** A Merkle tree that is asked for many proofs: each node is computed once. */
export class MerkleTree {
  private readonly roots = new Map<number, Buffer>();

  constructor(private readonly leaves: readonly Buffer[]) {}

  /** The root, as {@link merkleRoot} computes it. */
  root(): Buffer {
    return this.rootOf(0, this.leaves.length);
  }

  /**
   * What proves that the leaf at `index` is in the tree, from the leaf up (RFC 6962, section 2.1.1).
   *
   * @throws RangeError if there is no such leaf
   */
  proof(index: number): Buffer[] {
    if (!(index >= 0 && index < this.leaves.length)) throw new RangeError(`There is no leaf ${index}`);
    const proof: Buffer[] = [];
    for (let [from, to] = [0, this.leaves.length]; to - from > 1;) {
      const middle = from + splitPoint(to - from);
      if (index < middle) {
        proof.unshift(this.rootOf(middle, to));
        to = middle;
      } else {
        proof.unshift(this.rootOf(from, middle));
        from = middle;
      }
    }
    return proof;
  }

  private rootOf(from: number, to: number): Buffer {
    if (to - from < 2) return merkleRoot(this.leaves.slice(from, to));
    // Unique, since a tree is always split at the same places.
    const key = from * (this.leaves.length + 1) + to;
    const known = this.roots.get(key);
    if (known) return known;
    const middle = from + splitPoint(to - from);
    const root = node(this.rootOf(from, middle), this.rootOf(middle, to));
    this.roots.set(key, root);
    return root;
  }
}

/** The root that a leaf and its proof lead to; undefined if the proof does not fit a tree of `size` leaves. */
export function rootFromProof(
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
): Buffer | undefined {
  if (!(index >= 0 && index < size)) return undefined;
  if (size === 1) return proof.length === 0 ? leaf : undefined;
  const last = proof.at(-1);
  if (!last) return undefined;
  const middle = splitPoint(size);
  const rest = proof.slice(0, -1);
  if (index < middle) {
    const left = rootFromProof(leaf, index, middle, rest);
    return left && node(left, last);
  }
  const right = rootFromProof(leaf, index - middle, size - middle, rest);
  return right && node(last, right);
}

/** Leaf hashes as they are stored: one after the other. */
export function joinLeaves(leaves: readonly Buffer[]): Buffer {
  return Buffer.concat(leaves);
}

/** The leaf hashes in a stored list; what is left over at the end of a broken one is left out. */
export function splitLeaves(joined: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(joined.length / HASH_BYTES) }, (_, index) =>
    joined.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
}

/** The largest power of two that is smaller than `size`. */
function splitPoint(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}

function node(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(NODE_PREFIX).update(left).update(right).digest();
}
