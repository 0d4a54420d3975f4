import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { HASH_BYTES, MerkleTree, splitLeaves } from './seals/merkle';
import { type Seal, sealedSeqs } from './seals/seal';
import { sealOver } from './seals/stored';

/**
 * That an entry is among those of a seal: hashing `leaf` with `path` as RFC 6962 says leads to `root`, which the seal
 * of that number has signed. All hashes are SHA-256 in lower-case hexadecimal.
 */
export interface InclusionProof {
  seal: number;
  root: string;
  leaf: string;
  /** The leaf's place among the seal's `size` leaves, from 0. */
  index: number;
  size: number;
  /** From the leaf up. */
  path: string[];
}

interface SealTree {
  seal: Seal;
  seqs: Map<number, number>;
  leaves: Buffer[];
  tree: MerkleTree;
}

/** Proves to whoever has a leaf, such as the one in an action's answer, that it was sealed. */
@Injectable()
export class AuditProofs {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** The proof for one entry; undefined if it is not sealed. */
  async inclusionProof(seq: number): Promise<InclusionProof | undefined> {
    return (await this.inclusionProofs([seq])).get(seq);
  }

  /** The proofs for entries by number; those that are not sealed have none. Seals are read one at a time. */
  async inclusionProofs(seqs: readonly number[]): Promise<Map<number, InclusionProof>> {
    const proofs = new Map<number, InclusionProof>();
    let current: SealTree | undefined;
    for (const seq of [...seqs].sort((a, b) => a - b)) {
      if (!current || seq > current.seal.to_seq) {
        const seal = await sealOver(this.db, seq);
        // What comes after it is not sealed either.
        if (!seal) break;
        current = treeOf(seal);
      }
      const proof = proofFrom(current, seq);
      if (proof) proofs.set(seq, proof);
    }
    return proofs;
  }
}

function treeOf(seal: Seal): SealTree {
  const leaves = splitLeaves(seal.leaves);
  const seqs = new Map((sealedSeqs(seal) ?? []).map((seq, index) => [seq, index]));
  return { seal, seqs, leaves, tree: new MerkleTree(leaves) };
}

function proofFrom({ seal, seqs, leaves, tree }: SealTree, seq: number): InclusionProof | undefined {
  const index = seqs.get(seq);
  const leaf = index === undefined ? undefined : leaves[index];
  if (index === undefined || leaf?.length !== HASH_BYTES) return undefined;
  const path = tree.proof(index).map((hash) => hash.toString('hex'));
  const [root, own] = [seal.root.toString('hex'), leaf.toString('hex')];
  return { seal: seal.number, root, leaf: own, index, size: leaves.length, path };
}
