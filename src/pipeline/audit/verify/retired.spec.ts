import { generateKeyPairSync } from 'node:crypto';
import { auditEntry } from '../audit-entry';
import { leafHash, leafRow, type SealedFields } from '../leaf';
import { type Checkpoint, makeCheckpoint } from '../seals/checkpoint';
import { makeSeal, NO_SEAL, type Seal, sealHash } from '../seals/seal';
import { makeTombstone, type Tombstone } from '../seals/tombstone';
import { AuditVerifier, type VerifyOptions } from './audit-verifier';
import { EXPORT_FORMAT, entryLine, exportLine, sealLine, tombstoneLine } from './export-lines';
import { ExportSource } from './export-source';
import type { Verification } from './verification';

const key = { kid: 'k1', ...generateKeyPairSync('ed25519') };
const stranger = { kid: 'k1', ...generateKeyPairSync('ed25519') };

/** Seals 1 to 6 over one entry each. */
const entries: SealedFields[] = [1, 2, 3, 4, 5, 6].map((seq) =>
  leafRow(auditEntry({ phase: 'denial', outcome: 'denied' }), { seq, at: '2026-01-02T03:04:05.000001Z' }),
);
const seals: Seal[] = [];
for (const entry of entries) {
  const before = seals.at(-1);
  const end = before ? { ...before, hash: sealHash(before) } : { number: 0, to_seq: 0, hash: NO_SEAL };
  seals.push(makeSeal(end, [{ seq: entry.seq, leaf: leafHash(entry) }], entry.seq, key, new Date()));
}
const hashOf = (number: number): Buffer => sealHash(seals[number - 1] as Seal);

/** @param change after it was signed @param prev that it is signed with */
function tombstone(
  from: number,
  to: number,
  change: Partial<Tombstone> = {},
  by = key,
  prev = from === 1 ? NO_SEAL : hashOf(from - 1),
): Tombstone {
  const range = { from_seal: from, to_seal: to, from_seq: from, to_seq: to, entries: to - from + 1 };
  const chain = { prev, hash: hashOf(to) };
  return { ...makeTombstone({ ...range, ...chain, keep_days: 30 }, by, new Date()), ...change };
}

/** Verifies an export that holds these tombstones, and the seals from one on. */
function verify(
  stones: Tombstone[],
  firstSeal: number,
  options: VerifyOptions & { counted?: number; slipped?: SealedFields; checkpoints?: Checkpoint[] } = {},
): Promise<Verification> {
  const slipped = options.slipped ? [options.slipped] : [];
  const left = seals.filter(({ number }) => number >= firstSeal);
  const lines = [
    exportLine({
      type: 'header',
      format: EXPORT_FORMAT,
      exported_at: new Date().toISOString(),
      after: firstSeal === 6 ? '2026-01-01T00:00:00Z' : null,
      before: null,
      first_seal: firstSeal,
      last_seal: 6,
      checkpoint: null,
    }),
    ...stones.map(tombstoneLine),
    ...slipped.map((one) => entryLine(one, true)),
    ...left.flatMap((seal) => [sealLine(seal), entryLine(entries[seal.number - 1] as SealedFields, true)]),
    exportLine({
      type: 'end',
      tombstones: options.counted ?? stones.length,
      seals: left.length,
      entries: left.length + slipped.length,
    }),
  ].map((line) => line.trimEnd());
  return AuditVerifier.verify(new ExportSource(list(lines)), [key], list(options.checkpoints ?? []), options);
}

async function* list<T>(values: T[]): AsyncGenerator<T> {
  await Promise.resolve();
  yield* values;
}

describe('an audit that was retired in part', () => {
  const right = [tombstone(1, 2), tombstone(3, 4)];

  it('is intact, with all that is left or from a later seal on', async () => {
    expect(await verify(right, 5)).toMatchObject({ intact: true, first_seal: 5, last_seal: 6, retired: 4 });
    expect(await verify(right, 5, { fromSeal: 6 })).toMatchObject({ intact: true, seals: 1 });
    expect(await verify(right, 6)).toMatchObject({ intact: true, seals: 1 });
  });

  it.each<[string, Tombstone[]]>([
    ['was changed', [tombstone(1, 2), tombstone(3, 4, { entries: 1 })]],
    ['names another reason', [tombstone(1, 2), tombstone(3, 4, { keep_days: 400 })]],
    ['was signed by somebody else', [tombstone(1, 2), tombstone(3, 4, {}, stranger)]],
    ['was signed with a key that is not known', [tombstone(1, 2), tombstone(3, 4, { key_id: 'k2' })]],
    ['follows from another seal', [tombstone(1, 2), tombstone(3, 4, {}, key, NO_SEAL)]],
    ['leaves a gap', [tombstone(1, 2), tombstone(4, 4)]],
    ['is the first, and does not begin at the first seal', [tombstone(3, 4)]],
    ['comes before the one that it follows', [tombstone(3, 4), tombstone(1, 2)]],
  ])('is not where a tombstone %s', async (_what, stones) => {
    const { findings } = await verify(stones, 5);
    expect(findings.map(({ kind }) => kind)).toContain('tombstone_altered');
  });

  it('is not where a genuine checkpoint names another seal than the tombstone', async () => {
    const other = makeCheckpoint(
      { ...(seals[3] as Seal), sealed_at: '2026-01-01T00:00:00.000000Z' },
      'test',
      key,
    );
    expect((await verify(right, 5, { checkpoints: [other] })).first).toMatchObject({
      kind: 'tombstone_altered',
      seal: 3,
    });
    const forged = { ...other, signature: Buffer.alloc(64) };
    expect((await verify(right, 5, { checkpoints: [forged] })).intact).toBe(true);
    const genuine = makeCheckpoint(seals[3] as Seal, 'test', key);
    expect((await verify(right, 5, { checkpoints: [genuine] })).intact).toBe(true);
  });

  it('is not where an entry stands between the tombstones and the seals', async () => {
    const slipped = leafRow(auditEntry({ phase: 'denial', outcome: 'denied' }), { seq: 2, at: 'x' });
    expect((await verify(right, 5, { slipped })).first).toMatchObject({ kind: 'slipped_in', seq: 2 });
  });

  it('is not where seals are gone that no tombstone covers, or that follow from another one', async () => {
    expect((await verify([tombstone(1, 2)], 3)).intact).toBe(true);
    const [, , third] = seals;
    seals[2] = makeSeal({ number: 2, to_seq: 2, hash: NO_SEAL }, [], 3, key, new Date());
    try {
      expect((await verify([tombstone(1, 2)], 3)).first).toMatchObject({ kind: 'chain_rewritten', seal: 3 });
    } finally {
      seals[2] = third as Seal;
    }
    expect((await verify(right, 5, { counted: 3 })).first).toMatchObject({ kind: 'unreadable' });
  });
});
