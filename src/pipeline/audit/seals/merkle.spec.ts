import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { joinLeaves, merkleRoot, MerkleTree, rootFromProof, splitLeaves } from './merkle';

/** The test data of Google's Certificate Transparency code: inputs, and the roots over the first 1 to 8 of them. */
const INPUTS = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leaf = (hex: string): Buffer =>
  createHash('sha256')
    .update(Buffer.from(`00${hex}`, 'hex'))
    .digest();

const someLeaves = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 70 });
const buffers = (leaves: Uint8Array[]): Buffer[] => leaves.map((one) => Buffer.from(one));

describe('the Merkle tree', () => {
  it('has the roots of RFC 6962', () => {
    expect(merkleRoot([]).toString('hex')).toBe(createHash('sha256').digest('hex'));
    expect(new MerkleTree([]).root()).toEqual(merkleRoot([]));
    const leaves = INPUTS.map(leaf);
    const roots = ROOTS.map((_, index) => merkleRoot(leaves.slice(0, index + 1)).toString('hex'));
    expect(roots).toEqual(ROOTS);
  });

  it('proves every leaf, and proofs grow with the logarithm', () => {
    fc.assert(
      fc.property(someLeaves, (given) => {
        const leaves = buffers(given);
        const root = merkleRoot(leaves);
        const tree = new MerkleTree(leaves);
        expect(tree.root()).toEqual(root);
        for (const [index, one] of leaves.entries()) {
          const proof = tree.proof(index);
          expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(leaves.length)));
          expect(rootFromProof(one, index, leaves.length, proof)).toEqual(root);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('proves nothing else: no other leaf, place, size or path', () => {
    fc.assert(
      fc.property(someLeaves, fc.nat(), fc.nat({ max: 255 }), (given, pick, bit) => {
        const leaves = buffers(given);
        const index = pick % leaves.length;
        const own = leaves[index] ?? Buffer.alloc(32);
        const root = merkleRoot(leaves);
        const tree = new MerkleTree(leaves);
        const proof = tree.proof(index);
        const other = flipped(own, bit);
        expect(rootFromProof(other, index, leaves.length, proof)).not.toEqual(root);
        expect(rootFromProof(own, index, leaves.length, [...proof, other])).not.toEqual(root);
        expect(rootFromProof(own, leaves.length, leaves.length, proof)).toBeUndefined();
        if (proof.length === 0) return;
        const wrong = proof.map((hash, at) => (at === pick % proof.length ? flipped(hash, bit) : hash));
        expect(rootFromProof(own, index, leaves.length, wrong)).not.toEqual(root);
        expect(rootFromProof(own, index, leaves.length, proof.slice(1))).not.toEqual(root);
      }),
      { numRuns: 100 },
    );
  });

  it('cannot be given a leaf that it does not have', () => {
    expect(() => new MerkleTree([leaf('00')]).proof(1)).toThrow(RangeError);
    expect(() => new MerkleTree([]).proof(0)).toThrow(RangeError);
  });

  it('keeps its leaves in one piece', () => {
    const leaves = INPUTS.map(leaf);
    expect(splitLeaves(joinLeaves(leaves))).toEqual(leaves);
    expect(splitLeaves(Buffer.alloc(33))).toHaveLength(1);
  });
});

function flipped(hash: Buffer, bit: number): Buffer {
  const copy = Buffer.from(hash);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
