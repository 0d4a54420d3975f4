import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalJson } from '../../../platform/security/canonical-json';
import { HASH_BYTES, joinLeaves, merkleRoot } from './merkle';

/** Numbers, both inclusive, that no entry has: a sequence does not give a number back when a transaction fails. */
export type Gap = readonly [from: number, to: number];

/** What a seal vouches for: which entries there are from one number to another, and what each of them says. */
export interface SealBody {
  /** From 1, without a gap. */
  readonly number: number;
  /** One more than `to_seq` of the seal before. */
  readonly from_seq: number;
  readonly to_seq: number;
  /** How many entries there are; the other numbers of the range are in `gaps`. */
  readonly count: number;
  /** In ascending order. Not always pairs of numbers in a row that somebody has changed. */
  readonly gaps: unknown;
  /** Of the Merkle tree over the entries' leaves. */
  readonly root: Buffer;
  /** {@link sealHash} of the seal before; zeros for the first. */
  readonly prev: Buffer;
  /** Names the key that signed it. */
  readonly key_id: string;
  /** In UTC with microseconds. */
  readonly sealed_at: string;
}

/** A seal as it is stored. */
export interface Seal extends SealBody {
  /** The leaf of each entry, 32 bytes each: with the root alone nobody could say which entry was changed. */
  readonly leaves: Buffer;
  /** Ed25519, over {@link sealText}. */
  readonly signature: Buffer;
}

/** `prev` of the first seal. */
export const NO_SEAL = Buffer.alloc(HASH_BYTES);

/** An Ed25519 key pair that seals. */
export interface SealingKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

const VERSION = 'agentos-audit-seal/1';

/** What is signed and hashed: the canonical JSON (RFC 8785) of a version and all that the seal vouches for. */
export function sealText(seal: SealBody): string {
  const { number, from_seq, to_seq, count, gaps, key_id, sealed_at } = seal;
  const [root, prev] = [seal.root.toString('hex'), seal.prev.toString('hex')];
  return canonicalJson([VERSION, { number, from_seq, to_seq, count, gaps, root, prev, key_id, sealed_at }]);
}

/** SHA-256 of {@link sealText}: what the next seal and the checkpoint name it by. */
export function sealHash(seal: SealBody): Buffer {
  return createHash('sha256').update(sealText(seal)).digest();
}

/** Whether the holder of the key has signed it. */
export function isSignedBy(seal: Seal, publicKey: KeyObject): boolean {
  return verify(null, Buffer.from(sealText(seal)), publicKey, seal.signature);
}

/** A leaf with the number of its entry. */
export interface NumberedLeaf {
  readonly seq: number;
  readonly leaf: Buffer;
}

/**
 * Seals the entries from where the seal before ended up to `toSeq`.
 *
 * @param entries all of them, in ascending order
 */
export function makeSeal(
  previous: Pick<Seal, 'number' | 'to_seq'> & { readonly hash: Buffer },
  entries: readonly NumberedLeaf[],
  toSeq: number,
  key: SealingKey,
  now: Date,
): Seal {
  const leaves = entries.map(({ leaf }) => leaf);
  const fromSeq = previous.to_seq + 1;
  const body: SealBody = {
    number: previous.number + 1,
    from_seq: fromSeq,
    to_seq: toSeq,
    count: entries.length,
    gaps: gapsBetween(
      fromSeq,
      toSeq,
      entries.map(({ seq }) => seq),
    ),
    root: merkleRoot(leaves),
    prev: previous.hash,
    key_id: key.kid,
    sealed_at: now.toISOString().replace('Z', '000Z'),
  };
  const signature = sign(null, Buffer.from(sealText(body)), key.privateKey);
  return { ...body, leaves: joinLeaves(leaves), signature };
}

/** The numbers from `from` to `to` that are not in the ascending list `seqs`. */
export function gapsBetween(from: number, to: number, seqs: readonly number[]): Gap[] {
  const gaps: Gap[] = [];
  let next = from;
  for (const seq of [...seqs, to + 1]) {
    if (seq > next) gaps.push([next, seq - 1]);
    next = seq + 1;
  }
  return gaps;
}

/** The numbers of a seal's entries, in order; undefined if range, count, gaps and leaves do not fit together. */
export function sealedSeqs(seal: Seal): number[] | undefined {
  const { from_seq: from, to_seq: to, count, gaps } = seal;
  if (!isGapList(gaps) || count !== seal.leaves.length / HASH_BYTES) return undefined;
  const missing = gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (to - from + 1 - missing !== count) return undefined;
  const seqs: number[] = [];
  let next = from;
  for (const [first, last] of [...gaps, [to + 1, to + 1] as const]) {
    // The second: nobody is made to count to what a forged range says.
    if (first < next || last < first || first - next > count) return undefined;
    for (; next < first; next++) seqs.push(next);
    next = last + 1;
  }
  return seqs.length === count ? seqs : undefined;
}

function isGapList(gaps: unknown): gaps is Gap[] {
  return (
    Array.isArray(gaps) &&
    gaps.every(
      (gap) => Array.isArray(gap) && gap.length === 2 && gap.every((seq) => Number.isSafeInteger(seq)),
    )
  );
}
