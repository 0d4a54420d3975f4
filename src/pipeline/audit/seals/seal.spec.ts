import * as fc from 'fast-check';
import { generateKeyPairSync } from 'node:crypto';
import { merkleRoot, splitLeaves } from './merkle';
import { gapsBetween, isSignedBy, makeSeal, NO_SEAL, type Seal, sealedSeqs, sealHash } from './seal';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = { kid: 'k1', privateKey };
const leaf = (seq: number): Buffer => Buffer.alloc(32, seq);
const sealOf = (seqs: number[], toSeq = seqs.at(-1) ?? 10): Seal =>
  makeSeal(
    { number: 1, to_seq: 10, hash: NO_SEAL },
    seqs.map((seq) => ({ seq, leaf: leaf(seq) })),
    toSeq,
    key,
    new Date(),
  );

describe('a seal', () => {
  const seal = sealOf([11, 12, 15, 16, 20]);

  it('says which entries there are, and which numbers nobody has', () => {
    expect(seal).toMatchObject({ number: 2, from_seq: 11, to_seq: 20, count: 5, key_id: 'k1' });
    expect(seal.gaps).toEqual([
      [13, 14],
      [17, 19],
    ]);
    expect(sealedSeqs(seal)).toEqual([11, 12, 15, 16, 20]);
    expect(merkleRoot(splitLeaves(seal.leaves))).toEqual(seal.root);
    expect(isSignedBy(seal, publicKey)).toBe(true);
  });

  it.each<Partial<Seal>>([
    { number: 3 },
    { from_seq: 10 },
    { to_seq: 21 },
    { count: 6 },
    { gaps: [[13, 14]] },
    { root: Buffer.alloc(32) },
    { prev: Buffer.alloc(32, 1) },
    { key_id: 'k2' },
    { sealed_at: '2026-01-01T00:00:00.000000Z' },
  ])('that was changed (%j) has another hash and is not signed', (change) => {
    const changed = { ...seal, ...change };
    expect(sealHash(changed)).not.toEqual(sealHash(seal));
    expect(isSignedBy(changed, publicKey)).toBe(false);
  });

  it('finds the gaps between any numbers, and the numbers between its gaps', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 11, max: 60 }), { minLength: 1 }), (given) => {
        const seqs = given.sort((a, b) => a - b);
        expect(sealedSeqs(sealOf(seqs, 60))).toEqual(seqs);
        const missing = gapsBetween(11, 60, seqs).flatMap(([from, to]) =>
          Array.from({ length: to - from + 1 }, (_, index) => from + index),
        );
        expect([...missing, ...seqs].sort((a, b) => a - b)).toEqual(
          Array.from({ length: 50 }, (_, i) => i + 11),
        );
      }),
    );
  });

  it.each<Partial<Seal>>([
    { count: 4 },
    { leaves: Buffer.alloc(33) },
    { to_seq: 21 },
    { gaps: [] },
    { gaps: 'none' },
    { gaps: [[13, 14, 15]] },
    {
      gaps: [
        [17, 19],
        [13, 14],
      ],
    },
    {
      gaps: [
        [13, 14],
        [14, 16],
      ],
    },
    { gaps: [[1, 5]] },
    { gaps: [[1e12, 1e12 + 4]], to_seq: 1e12 + 4 },
  ])('whose parts do not fit together (%j) has no numbers', (change) => {
    expect(sealedSeqs({ ...seal, ...change })).toBeUndefined();
  });
});
