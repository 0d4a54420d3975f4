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

/**
 * What proves that the leaf at `index` is in the tree, from the leaf up (RFC 6962, section 2.1.1).
 *
 * @throws RangeError if there is no such leaf
 */
export function inclusionProof(leaves: readonly Buffer[], index: number): Buffer[] {
  if (!(index >= 0 && index < leaves.length)) throw new RangeError(`There is no leaf ${index}`);
  if (leaves.length === 1) return [];
  const middle = splitPoint(leaves.length);
  const [left, right] = [leaves.slice(0, middle), leaves.slice(middle)];
  return index < middle
    ? [...inclusionProof(left, index), merkleRoot(right)]
    : [...inclusionProof(right, index - middle), merkleRoot(left)];
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
