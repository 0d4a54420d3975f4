import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { auditEntry } from '../audit-entry';
import { leafHash, leafRow, type SealedFields } from '../leaf';
import { type Checkpoint, checkpointLine, makeCheckpoint } from '../seals/checkpoint';
import { joinLeaves } from '../seals/merkle';
import { makeSeal, NO_SEAL, type Seal, sealHash } from '../seals/seal';
import { AuditVerifier, type VerifyOptions } from './audit-verifier';
import { EXPORT_FORMAT, entryLine, exportLine, sealLine } from './export-lines';
import { ExportSource, NotAnExport } from './export-source';
import type { AuditItem, Verification } from './verification';

interface Key {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}
const newKey = (kid: string): Key => ({ kid, ...generateKeyPairSync('ed25519') });
const first = newKey('key-1');
const second = newKey('key-2');
const KEYS = [first, second];

/** An audit: per seal its entries, then those that are not sealed yet. Number 5 and 11 were never an entry's. */
interface Audit {
  segments: { seal: Seal; entries: SealedFields[] }[];
  unsealed: SealedFields[];
  checkpoints: Checkpoint[];
}

const entryOf = (seq: number): SealedFields =>
  leafRow(auditEntry({ phase: 'denial', outcome: 'denied', action: `a${seq}`, payload: { n: seq } }), {
    seq,
    at: `2026-01-02T03:04:${String(seq).padStart(2, '0')}.000001Z`,
  });

/** Seals the entries anew, from one seal on, as somebody with these keys would. */
function sealed(lists: SealedFields[][], keys: Key[]): Audit['segments'] {
  const segments: Audit['segments'] = [];
  let end: Parameters<typeof makeSeal>[0] = { number: 0, to_seq: 0, hash: NO_SEAL };
  for (const [index, entries] of lists.entries()) {
    const key = keys[Math.min(index, keys.length - 1)] ?? first;
    const leaves = entries.map((entry) => ({ seq: entry.seq, leaf: leafHash(entry) }));
    const seal = makeSeal(end, leaves, entries.at(-1)?.seq ?? 0, key, new Date(1_767_000_000_000 + index));
    segments.push({ seal, entries });
    end = { number: seal.number, to_seq: seal.to_seq, hash: sealHash(seal) };
  }
  return segments;
}

function newAudit(): Audit {
  const lists = [
    [1, 2, 3, 4],
    [6, 7, 8],
    [9, 10, 12, 13],
    [14, 15],
  ].map((seqs) => seqs.map(entryOf));
  const segments = sealed(lists, [first, first, second]);
  return {
    segments,
    unsealed: [16, 17].map(entryOf),
    checkpoints: segments.map(({ seal }) => makeCheckpoint(seal, 'test', second)),
  };
}

async function* items(audit: Audit, fromSeal: number): AsyncGenerator<AuditItem> {
  await Promise.resolve();
  yield { type: 'scope', scope: { firstSeal: 1, toEnd: true } };
  for (const { seal, entries } of audit.segments.filter((one) => one.seal.number >= fromSeal)) {
    yield { type: 'seal', seal };
    for (const entry of entries) yield { type: 'entry', entry };
  }
  for (const entry of audit.unsealed) yield { type: 'unsealed', entry };
  yield { type: 'end', lastNumber: 17 };
}

async function* list<T>(values: T[]): AsyncGenerator<T> {
  await Promise.resolve();
  yield* values;
}

const verify = (audit: Audit, options: VerifyOptions & { keys?: Key[] } = {}): Promise<Verification> =>
  AuditVerifier.verify(
    { items: (fromSeal) => items(audit, fromSeal) },
    options.keys ?? KEYS,
    list(audit.checkpoints),
    options,
  );

describe('verifying an audit', () => {
  let audit: Audit;
  const segment = (index: number): Audit['segments'][number] => {
    const one = audit.segments[index];
    if (!one) throw new Error(`There is no segment ${index}`);
    return one;
  };
  const entry = (index: number, at: number): SealedFields => {
    const one = segment(index).entries[at];
    if (!one) throw new Error(`There is no entry ${at}`);
    return one;
  };
  const setEntry = (index: number, at: number, change: Partial<SealedFields>): void => {
    segment(index).entries[at] = { ...entry(index, at), ...change };
  };
  const setSeal = (index: number, change: Partial<Seal>): void => {
    segment(index).seal = { ...segment(index).seal, ...change };
  };

  beforeEach(() => (audit = newAudit()));

  it('finds nothing where nothing was done, over a change of keys', async () => {
    expect(await verify(audit)).toEqual({
      intact: true,
      seals: 4,
      first_seal: 1,
      last_seal: 4,
      entries: 13,
      unsealed: 2,
      retired: 0,
      witnessed_seal: 4,
      first: null,
      findings: [],
      findings_total: 0,
    });
  });

  it('goes on from any seal, and needs no seal before it', async () => {
    const seen: number[] = [];
    const options = { fromSeal: 3, onSeal: (seal: Seal) => seen.push(seal.number) };
    expect(await verify(audit, options)).toMatchObject({ intact: true, first_seal: 3, entries: 6 });
    expect(seen).toEqual([3, 4]);
    setEntry(0, 0, { action: 'x' });
    expect((await verify(audit, { fromSeal: 2 })).intact).toBe(true);
    expect((await verify(audit, { fromSeal: 9 })).seals).toBe(0);
  });

  it('goes on from where a checkpoint says that the seal before ended, if that is genuine', async () => {
    const [, two] = audit.checkpoints;
    if (!two) throw new Error('There is no second checkpoint');
    audit.checkpoints = [two];
    expect((await verify(audit, { fromSeal: 3 })).intact).toBe(true);
    // Nobody signed it, so it says nothing of the seal that follows.
    audit.checkpoints = [{ ...two, hash: Buffer.alloc(32) }];
    expect((await verify(audit, { fromSeal: 3 })).intact).toBe(true);
    audit.checkpoints = [two];
    setEntry(0, 0, { action: 'x' });
    audit.segments = sealed(
      audit.segments.map((one) => one.entries),
      [first, first, second],
    );
    expect((await verify(audit, { fromSeal: 3 })).first).toMatchObject({ kind: 'chain_rewritten', seal: 3 });
  });

  it('is content with an audit that is empty, or has no seal yet', async () => {
    audit = { segments: [], unsealed: [], checkpoints: [] };
    expect(await verify(audit)).toMatchObject({
      intact: true,
      seals: 0,
      last_seal: null,
      witnessed_seal: null,
    });
    audit.unsealed = [1, 2].map(entryOf);
    expect(await verify(audit)).toMatchObject({ intact: true, unsealed: 2 });
  });

  const cases: [string, () => void, { kind: string; seq: number | null; seal?: number; total?: number }][] = [
    ['a changed entry', () => setEntry(1, 1, { count: 2 }), { kind: 'changed', seq: 7, seal: 2 }],
    ['a removed entry', () => segment(1).entries.splice(1, 1), { kind: 'removed', seq: 7, seal: 2 }],
    [
      'removed entries in a row',
      () => segment(0).entries.splice(1, 2),
      { kind: 'removed', seq: 2, total: 1 },
    ],
    [
      'an entry in a gap',
      () => segment(1).entries.unshift(entryOf(5)),
      { kind: 'slipped_in', seq: 5, seal: 2 },
    ],
    ['an entry twice', () => segment(1).entries.push(entry(1, 1)), { kind: 'slipped_in', seq: 7 }],
    [
      'an entry before the first',
      () => segment(0).entries.unshift(entryOf(-3)),
      { kind: 'slipped_in', seq: -3 },
    ],
    [
      'an entry after the last that was numbered',
      () => audit.unsealed.push(entryOf(18)),
      { kind: 'slipped_in', seq: 18 },
    ],
    [
      'entries whose contents were exchanged',
      () => {
        const [a, b] = [entry(0, 1), entry(0, 3)];
        segment(0).entries[1] = { ...b, seq: a.seq };
        segment(0).entries[3] = { ...a, seq: b.seq };
      },
      { kind: 'reordered', seq: 2, seal: 1, total: 2 },
    ],
    [
      'entries out of order',
      () => segment(0).entries.reverse(),
      { kind: 'reordered', seq: 3, seal: 1, total: 1 },
    ],
    [
      'a sealed entry among those that are not',
      () => audit.unsealed.unshift(...segment(3).entries.splice(1, 1)),
      { kind: 'removed', seq: 15, seal: 4, total: 2 },
    ],
    [
      'a seal of another time',
      () => setSeal(1, { sealed_at: 'x' }),
      { kind: 'seal_altered', seq: 5, seal: 2 },
    ],
    [
      'a signature of nobody',
      () => setSeal(3, { signature: Buffer.alloc(64) }),
      { kind: 'seal_altered', seq: 14, seal: 4, total: 1 },
    ],
    [
      'leaves that were changed alone',
      () => setSeal(2, { leaves: Buffer.alloc(128) }),
      { kind: 'seal_altered', seq: null, seal: 3, total: 1 },
    ],
    [
      'an entry that was changed with its leaf',
      () => {
        setEntry(2, 1, { action: 'x' });
        setSeal(2, { leaves: joinLeaves(segment(2).entries.map(leafHash)) });
      },
      { kind: 'changed', seq: 9, seal: 3, total: 1 },
    ],
    [
      'a seal that was removed with its entries',
      () => audit.segments.splice(1, 1),
      { kind: 'seal_missing', seq: 5, seal: 2, total: 1 },
    ],
    [
      'a seal with the number of the one before',
      () => setSeal(1, { number: 1 }),
      { kind: 'seal_altered', seq: 5, seal: 1 },
    ],
    ['a seal twice', () => audit.segments.push(segment(3)), { kind: 'seal_altered', seq: null, seal: 4 }],
    [
      'a tail that was cut off, seals and all',
      () => {
        audit.segments.splice(2);
        audit.unsealed = [];
      },
      { kind: 'tail_cut', seq: 9, seal: 3, total: 1 },
    ],
    [
      'a tail that was cut off, where checkpoints do not stand in the order of their seals',
      () => {
        audit.segments.splice(3);
        audit.unsealed = [];
        audit.checkpoints.reverse();
      },
      { kind: 'tail_cut', seq: 14, seal: 4, total: 1 },
    ],
    [
      'a first seal that names one before it',
      () => {
        const { entries, seal } = segment(0);
        const leaves = entries.map((one) => ({ seq: one.seq, leaf: leafHash(one) }));
        const end = { number: 0, to_seq: 0, hash: Buffer.alloc(32, 1) };
        audit.segments = [{ seal: makeSeal(end, leaves, seal.to_seq, first, new Date()), entries }];
        audit.checkpoints = [];
        audit.unsealed = [];
      },
      { kind: 'chain_rewritten', seq: 1, seal: 1, total: 1 },
    ],
    [
      'seals that were cut off from entries that are there',
      () => {
        audit.unsealed.unshift(...audit.segments.splice(3).flatMap((one) => one.entries));
      },
      { kind: 'seal_missing', seq: 14, seal: 4, total: 1 },
    ],
    [
      'an audit of which nothing is left',
      () => {
        audit.segments = [];
        audit.unsealed = [];
      },
      { kind: 'tail_cut', seq: 1, seal: 1, total: 1 },
    ],
    [
      'a chain that was made anew with a key of somebody else',
      () => {
        const lists = audit.segments.map((one) => one.entries);
        audit.segments = sealed(lists, [newKey('foreign')]);
      },
      { kind: 'chain_rewritten', seq: 1, seal: 1, total: 1 },
    ],
    [
      'a chain that was made anew from the middle on, under the name of our key',
      () => {
        setEntry(1, 0, { action: 'x' });
        const lists = audit.segments.map((one) => one.entries);
        const forged = sealed(lists, [newKey('key-1')]).slice(1);
        audit.segments.splice(1, 3, ...forged);
      },
      { kind: 'chain_rewritten', seq: 5, seal: 2, total: 1 },
    ],
    [
      'a chain that was made anew with our own key',
      () => {
        setEntry(2, 0, { action: 'x' });
        audit.segments = sealed(
          audit.segments.map((one) => one.entries),
          [first, first, second],
        );
      },
      { kind: 'chain_rewritten', seq: 9, seal: 3 },
    ],
    [
      'a seal that follows from nothing',
      () => {
        const { entries, seal } = segment(3);
        const leaves = entries.map((one) => ({ seq: one.seq, leaf: leafHash(one) }));
        segment(3).seal = makeSeal(
          { number: 3, to_seq: 13, hash: Buffer.alloc(32, 1) },
          leaves,
          seal.to_seq,
          second,
          new Date(),
        );
      },
      { kind: 'chain_rewritten', seq: 14, seal: 4, total: 1 },
    ],
    [
      'a chain that was made anew with our own key, and witnessed anew behind what was witnessed before',
      () => {
        setEntry(2, 0, { action: 'x' });
        audit.segments = sealed(
          audit.segments.map((one) => one.entries),
          [first, first, second],
        );
        audit.checkpoints.push(...audit.segments.map(({ seal }) => makeCheckpoint(seal, 'test', second)));
      },
      { kind: 'chain_rewritten', seq: 9, seal: 3, total: 1 },
    ],
    [
      'a checkpoint that nobody signed, although the one behind it is right',
      () => {
        const [one, two] = audit.checkpoints;
        if (one && two) audit.checkpoints.unshift({ ...one, hash: two.hash });
      },
      { kind: 'checkpoint_altered', seq: null, seal: 1, total: 1 },
    ],
    [
      'a checkpoint of more than there is, that nobody signed',
      () => {
        const [one] = audit.checkpoints;
        if (one) audit.checkpoints.push({ ...one, number: 40 });
      },
      { kind: 'checkpoint_altered', seq: null, seal: 40, total: 1 },
    ],
    [
      'a checkpoint of another seal, that nobody signed',
      () => {
        const [one, two] = audit.checkpoints;
        if (one && two) audit.checkpoints[0] = { ...one, hash: two.hash };
      },
      { kind: 'checkpoint_altered', seq: null, seal: 1, total: 1 },
    ],
  ];

  it.each(cases)('names %s', async (_what, tamper, { total, ...expected }) => {
    tamper();
    const result = await verify(audit);
    expect(result.first).toMatchObject(expected);
    expect(result.intact).toBe(false);
    if (total !== undefined) expect(result.findings_total).toBe(total);
  });

  it('tells one hand that made everything from then on anew from a seal that was altered', async () => {
    const lists = audit.segments.map((one) => one.entries);
    audit.segments = sealed(lists, [newKey('key-2')]);
    // Only the first two were signed by the key of that name before; all are now false.
    const { first: found, findings_total: total } = await verify(audit);
    expect(found).toMatchObject({ kind: 'chain_rewritten', seal: 1, seq: 1, to_seq: 15 });
    expect(total).toBe(1);
  });

  it('knows no seal without its key', async () => {
    const result = await verify(audit, { keys: [second] });
    expect(result.first).toMatchObject({ kind: 'chain_rewritten', seal: 1 });
    expect(result.first?.message).toContain('none of the public keys given');
  });

  it('cannot see a cut-off tail without checkpoints, and says that it had none', async () => {
    audit.checkpoints = [];
    audit.segments.pop();
    audit.unsealed = [];
    expect(await verify(audit)).toMatchObject({ intact: true, witnessed_seal: null });
  });

  it('lists a bounded number of findings, and counts all', async () => {
    segment(0).entries.push(...Array.from({ length: 400 }, () => entryOf(4)));
    const result = await verify(audit);
    expect(result.findings).toHaveLength(100);
    expect(result.findings_total).toBe(400);
    expect(result.first).toMatchObject({ kind: 'slipped_in', seq: 4 });
  });
});

/** With one line of them elsewhere. */
function moved(lines: string[], from: number, to: number): string[] {
  return lines.toSpliced(from, 1).toSpliced(to, 0, lines.at(from) ?? '');
}

describe('verifying an export', () => {
  const audit = newAudit();
  const newest = audit.checkpoints.at(-1);
  const exported = (change: object = {}): string[] => {
    const header = {
      type: 'header' as const,
      format: EXPORT_FORMAT,
      exported_at: new Date(1_767_000_000_000 + 60_000).toISOString(),
      after: null,
      before: null,
      first_seal: 1,
      last_seal: 4,
      checkpoint: newest ? checkpointLine(newest).trimEnd() : null,
      ...change,
    } as const;
    const segments = audit.segments.flatMap(({ seal, entries }) => [
      sealLine(seal),
      ...entries.map((one) => entryLine(one, true)),
    ]);
    const rest = audit.unsealed.map((one) => entryLine(one, false));
    const lines = [exportLine(header), ...segments, ...rest];
    return [...lines, exportLine({ type: 'end', seals: 4, entries: 15 })].map((line) => line.trimEnd());
  };
  const verifyLines = (
    lines: string[],
    checkpoints: Checkpoint[] = [],
    fromSeal = 1,
  ): Promise<Verification> =>
    AuditVerifier.verify(new ExportSource(list(lines)), KEYS, list(checkpoints), { fromSeal });

  it('comes to what verifying the audit itself does', async () => {
    const { intact, ...result } = await verifyLines(exported());
    expect(intact).toBe(true);
    expect(result).toMatchObject({ seals: 4, entries: 13, unsealed: 2, witnessed_seal: 4 });
    expect(await verifyLines(exported(), [], 3)).toMatchObject({
      intact: true,
      seals: 2,
      entries: 6,
      unsealed: 2,
    });
  });

  it('needs no newer seals than there were, and misses those that there were', async () => {
    const lines = exported({ checkpoint: null });
    const later = makeCheckpoint(
      {
        ...(audit.segments[3] as Audit['segments'][number]).seal,
        number: 9,
        sealed_at: '2030-01-01T00:00:00.000000Z',
      },
      'test',
      second,
    );
    expect((await verifyLines(lines, [...audit.checkpoints, later])).intact).toBe(true);
    const cut = [...lines.slice(0, 10), exportLine({ type: 'end', seals: 2, entries: 7 }).trimEnd()];
    const shortened = cut.map((line) => line.replace('"last_seal":4', '"last_seal":2'));
    expect((await verifyLines(shortened, [])).intact).toBe(true);
    expect((await verifyLines(shortened, audit.checkpoints)).first).toMatchObject({
      kind: 'tail_cut',
      seq: 9,
    });
    const witnessed = exported().slice(0, 1).concat(shortened.slice(1));
    expect((await verifyLines(witnessed)).intact).toBe(false);
  });

  it('says nothing about what comes after the period that was asked for', async () => {
    const lines = exported({ before: '2026-01-01T00:00:00Z' });
    const later = makeCheckpoint(
      { ...(audit.segments[3] as Audit['segments'][number]).seal, number: 9 },
      'test',
      second,
    );
    expect((await verifyLines(lines, [later])).intact).toBe(true);
  });

  it.each([
    ['a line that was cut off', (lines: string[]) => lines.with(5, (lines[5] ?? '').slice(0, -3))],
    ['a line too many', (lines: string[]) => lines.toSpliced(5, 0, '{}')],
    ['a second header', (lines: string[]) => lines.toSpliced(5, 0, lines[0] ?? '')],
    ['lines after the last', (lines: string[]) => [...lines, lines[3] ?? '']],
    ['no last line', (lines: string[]) => lines.slice(0, -1)],
    [
      'an entry with a field more',
      (lines: string[]) => lines.with(3, (lines[3] ?? '').replace('{', '{"x":1,')),
    ],
    [
      'a number by another notation',
      (lines: string[]) => lines.with(3, (lines[3] ?? '').replace('"n":2', '"n":2.0')),
    ],
    [
      'a key that stands twice, the first time with another value',
      (lines: string[]) =>
        lines.with(3, (lines[3] ?? '').replace('"outcome"', '"outcome":"failed","outcome"')),
    ],
    ['an entry that is not sealed before a seal', (lines: string[]) => moved(lines, -2, 1)],
    ['a seal after entries that are not sealed', (lines: string[]) => moved(lines, -6, -1)],
  ])('names %s', async (_what, change) => {
    const result = await verifyLines(change(exported()), audit.checkpoints);
    expect(result.findings.map((one) => one.kind)).toContain('unreadable');
  });

  it('names entries that stand under no seal, whatever they are called', async () => {
    const forged = entryLine(entryOf(99), true).trimEnd();
    const counted = (lines: string[]): string[] =>
      lines.map((line) => line.replace('"entries":15', '"entries":16'));
    for (const at of [1, -1]) {
      const result = await verifyLines(counted(exported().toSpliced(at, 0, forged)), audit.checkpoints);
      expect(result.first).toMatchObject({ kind: 'slipped_in', seq: 99 });
    }
  });

  it('goes from the first seal on where it says that it is from the beginning', async () => {
    const cut = (change: object): string[] =>
      exported({ first_seal: 3, ...change })
        .toSpliced(1, 9)
        .map((line) => line.replace('"seals":4,"entries":15', '"seals":2,"entries":8'));
    expect((await verifyLines(cut({}))).first).toMatchObject({ kind: 'seal_missing', seal: 1 });
    expect(await verifyLines(cut({ after: '2026-01-01T00:00:00Z' }))).toMatchObject({
      intact: true,
      seals: 2,
    });
  });

  it('may hold nothing that is sealed, if that is what was asked for', async () => {
    const rest = (after: string | null): string[] =>
      exported({ after, first_seal: null, last_seal: null })
        .toSpliced(1, 17)
        .map((line) => line.replace('"seals":4,"entries":15', '"seals":0,"entries":2'));
    const result = await verifyLines(rest('2026-01-02T03:04:16Z'), audit.checkpoints);
    expect(result).toMatchObject({ intact: true, seals: 0, unsealed: 2 });
    expect((await verifyLines(rest(null))).intact).toBe(false);
  });

  it.each([
    [[]],
    [['']],
    [['seq,at']],
    [exported({ first_seal: 'x' })],
    [exported({ last_seal: 4.5 })],
    [['{"type":"entry"}']],
    [exported({ format: 'other/1' })],
  ])('refuses what is no export: %j', async (lines) => {
    await expect(verifyLines(lines)).rejects.toThrow(NotAnExport);
  });
});
