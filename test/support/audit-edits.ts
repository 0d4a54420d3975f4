import { generateKeyPairSync } from 'node:crypto';
import { LEAF_COLUMNS, leafHash, type SealedFields } from '../../src/pipeline/audit/leaf';
import { joinLeaves, splitLeaves } from '../../src/pipeline/audit/seals/merkle';
import { makeSeal, NO_SEAL, type Seal, sealHash } from '../../src/pipeline/audit/seals/seal';
import type { AuditItem, AuditSource } from '../../src/pipeline/audit/verify/verification';

/** A sealed audit in memory: for each seal the entries of its range. Nothing in it is ever changed in place. */
export interface AuditCopy {
  readonly segments: readonly Segment[];
  readonly unsealed: readonly SealedFields[];
}
interface Segment {
  readonly seal: Seal;
  readonly entries: readonly SealedFields[];
}

/** What somebody did, and the first entry that the verifier has to name; null where there is none to name. */
export interface Tampered {
  readonly audit: AuditCopy;
  readonly what: string;
  readonly seq: number | null;
}

/** Random numbers from 0 to `below`, without it. */
export type Pick = (below: number) => number;

/** Reads an audit whole. */
export async function copyOf(source: AuditSource): Promise<AuditCopy> {
  const segments: { seal: Seal; entries: SealedFields[] }[] = [];
  const unsealed: SealedFields[] = [];
  for await (const item of source.items(1)) {
    if (item.type === 'seal') segments.push({ seal: item.seal, entries: [] });
    if (item.type === 'entry') segments.at(-1)?.entries.push(item.entry);
    if (item.type === 'unsealed') unsealed.push(item.entry);
  }
  return { segments, unsealed };
}

/** Reads it as it would stand in Postgres: seals and entries by their numbers. */
export function sourceOf(audit: AuditCopy): AuditSource {
  const rows = [...audit.segments.flatMap((one) => one.entries), ...audit.unsealed];
  rows.sort((a, b) => a.seq - b.seq);
  const seals = audit.segments.map((one) => one.seal).sort((a, b) => a.number - b.number);
  return {
    async *items(): AsyncGenerator<AuditItem> {
      await Promise.resolve();
      yield { type: 'scope', scope: { firstSeal: 1, toEnd: true } };
      let to = 0;
      for (const seal of seals) {
        yield { type: 'seal', seal };
        const from = seal.number === 1 ? -Infinity : seal.from_seq;
        for (const entry of rows)
          if (entry.seq >= from && entry.seq <= seal.to_seq) yield { type: 'entry', entry };
        to = seal.to_seq;
      }
      for (const entry of rows) if (entry.seq > to) yield { type: 'unsealed', entry };
      yield { type: 'end' };
    },
  };
}

/** Does one of the things that somebody with all rights on the database could do. */
export function tamper(audit: AuditCopy, pick: Pick): Tampered {
  const edit = EDITS[pick(EDITS.length)] ?? changeColumn;
  return edit(audit, pick);
}

type Edit = (audit: AuditCopy, pick: Pick) => Tampered;

const one = <T>(values: readonly T[], pick: Pick): T => values[pick(values.length)] as T;
const withSegment = (audit: AuditCopy, index: number, change: Partial<Segment>): AuditCopy => ({
  ...audit,
  segments: audit.segments.map((segment, at) => (at === index ? { ...segment, ...change } : segment)),
});
const at = (audit: AuditCopy, index: number): Segment => audit.segments[index] as Segment;
const replaced = (audit: AuditCopy, changed: ReadonlyMap<number, SealedFields>): AuditCopy => ({
  ...audit,
  segments: audit.segments.map(({ seal, entries }) => ({
    seal,
    entries: entries.map((entry) => changed.get(entry.seq) ?? entry),
  })),
});
const sealedEntries = (audit: AuditCopy): SealedFields[] =>
  audit.segments.flatMap((segment) => segment.entries);

const changeColumn: Edit = (audit, pick) => {
  const entry = one(sealedEntries(audit), pick);
  const column = one(
    LEAF_COLUMNS.filter((name) => name !== 'seq'),
    pick,
  );
  const changed = { ...entry, [column]: otherValue(entry[column], pick) };
  return {
    audit: replaced(audit, new Map([[entry.seq, changed]])),
    what: `${column} of ${entry.seq} became ${JSON.stringify(changed[column])}`,
    seq: entry.seq,
  };
};

const removeEntries: Edit = (audit, pick) => {
  const all = sealedEntries(audit);
  const first = pick(all.length);
  const gone = new Set(all.slice(first, first + 1 + pick(4)).map((entry) => entry.seq));
  return { audit: without(audit, gone), what: `removed ${[...gone].join()}`, seq: all[first]?.seq ?? null };
};

const removeLastEntries: Edit = (audit, pick) => {
  const all = sealedEntries(audit);
  const first = all.length - 1 - pick(all.length);
  const gone = new Set(all.slice(first).map((entry) => entry.seq));
  const cut = { ...without(audit, gone), unsealed: [] };
  return { audit: cut, what: `removed all from ${all[first]?.seq}`, seq: all[first]?.seq ?? null };
};

const swap: Edit = (audit, pick) => {
  const all = sealedEntries(audit);
  const [a, b] = [pick(all.length), pick(all.length - 1)].map((index) => all[index] as SealedFields);
  const [x, y] = (a === b ? [a, all.at(-1)] : [a, b]) as [SealedFields, SealedFields];
  const swapped = new Map([
    [x.seq, { ...y, seq: x.seq }],
    [y.seq, { ...x, seq: y.seq }],
  ]);
  return {
    audit: replaced(audit, swapped),
    what: `swapped ${x.seq} and ${y.seq}`,
    seq: Math.min(x.seq, y.seq),
  };
};

const slipIn: Edit = (audit, pick) => {
  const gaps = audit.segments.flatMap(({ seal }, index) =>
    (seal.gaps as [number, number][]).map(([from, to]) => ({ index, seq: from + pick(to - from + 1) })),
  );
  const { index, seq } = pick(4) === 0 ? { index: 0, seq: -pick(100) } : one(gaps, pick);
  const forged = { ...one(sealedEntries(audit), pick), seq };
  const entries = [...at(audit, index).entries, forged];
  return { audit: withSegment(audit, index, { entries }), what: `slipped in ${seq}`, seq };
};

const renumber: Edit = (audit, pick) => {
  const gaps = audit.segments.flatMap(({ seal }) => (seal.gaps as [number, number][]).map(([from]) => from));
  const entry = one(sealedEntries(audit), pick);
  const seq = one(gaps, pick);
  return {
    audit: replaced(audit, new Map([[entry.seq, { ...entry, seq }]])),
    what: `${entry.seq} became ${seq}`,
    seq: Math.min(entry.seq, seq),
  };
};

const changeSeal: Edit = (audit, pick) => {
  const index = pick(audit.segments.length);
  const { seal } = at(audit, index);
  const field = one(Object.keys(seal).sort() as (keyof Seal)[], pick);
  const changed = { ...seal, [field]: otherValue(seal[field], pick) };
  return {
    audit: withSegment(audit, index, { seal: changed }),
    what: `${field} of seal ${seal.number} was changed`,
    // The entries can be compared with the root, so none of them is suspected.
    seq: field === 'leaves' ? null : seal.from_seq,
  };
};

const removeSeal: Edit = (audit, pick) => {
  const index = pick(audit.segments.length);
  const { seal, entries } = at(audit, index);
  const left = pick(2) === 0 ? [] : entries;
  const segments = audit.segments.filter((_, place) => place !== index);
  return {
    audit: { ...audit, segments, unsealed: [...left, ...audit.unsealed] },
    what: `removed seal ${seal.number} and ${entries.length - left.length} entries`,
    seq: seal.from_seq,
  };
};

const cutTail: Edit = (audit, pick) => {
  const index = pick(audit.segments.length);
  return {
    audit: { ...audit, segments: audit.segments.slice(0, index), unsealed: [] },
    what: `cut off all from seal ${index + 1}`,
    seq: at(audit, index).seal.from_seq,
  };
};

const changeWithLeaf: Edit = (audit, pick) => {
  const index = pick(audit.segments.length);
  const { seal, entries } = at(audit, index);
  const place = pick(entries.length);
  const changed = entries.map((entry, i) => (i === place ? { ...entry, action: 'forged' } : entry));
  const leaves = splitLeaves(seal.leaves).map((leaf, i) =>
    i === place ? leafHash(changed[i] as SealedFields) : leaf,
  );
  return {
    audit: withSegment(audit, index, { entries: changed, seal: { ...seal, leaves: joinLeaves(leaves) } }),
    what: `changed entry ${place} of seal ${seal.number} with its leaf`,
    seq: seal.from_seq,
  };
};

/** Everything from a seal on is made anew, with a key of the attacker's, under its own name or under ours. */
const rewriteChain: Edit = (audit, pick) => {
  const from = pick(audit.segments.length);
  const { privateKey } = generateKeyPairSync('ed25519');
  const before = from === 0 ? undefined : at(audit, from - 1).seal;
  let end = before
    ? { number: before.number, to_seq: before.to_seq, hash: sealHash(before) }
    : { number: 0, to_seq: 0, hash: NO_SEAL as Buffer };
  const forged = audit.segments.slice(from).map(({ seal, entries }, index) => {
    const changed =
      index === 0 ? entries.map((entry) => ({ ...entry, outcome: 'succeeded' as const })) : entries;
    const leaves = changed.map((entry) => ({ seq: entry.seq, leaf: leafHash(entry) }));
    const key = { kid: pick(2) === 0 ? seal.key_id : 'foreign', privateKey };
    const made = makeSeal(end, leaves, seal.to_seq, key, new Date(seal.sealed_at));
    end = { number: made.number, to_seq: made.to_seq, hash: sealHash(made) };
    return { seal: made, entries: changed };
  });
  return {
    audit: { ...audit, segments: [...audit.segments.slice(0, from), ...forged] },
    what: `made all from seal ${from + 1} anew`,
    seq: at(audit, from).seal.from_seq,
  };
};

/** Most attacks are small; the list says how often each comes. */
const EDITS: readonly Edit[] = [
  ...Array.from({ length: 6 }, () => changeColumn),
  ...[removeEntries, removeLastEntries, swap, slipIn, renumber, removeSeal, cutTail, changeWithLeaf],
  ...[changeSeal, changeSeal, changeSeal, rewriteChain],
];

function without(audit: AuditCopy, gone: ReadonlySet<number>): AuditCopy {
  return {
    ...audit,
    segments: audit.segments.map(({ seal, entries }) => ({
      seal,
      entries: entries.filter((entry) => !gone.has(entry.seq)),
    })),
  };
}

/** Something else of the same kind. */
function otherValue(value: unknown, pick: Pick): unknown {
  if (Buffer.isBuffer(value)) {
    if (pick(4) === 0) return value.subarray(0, -1);
    const copy = Buffer.from(value);
    const place = pick(copy.length);
    copy[place] = (copy[place] ?? 0) ^ (1 << pick(8));
    return copy;
  }
  if (typeof value === 'number') return value + (pick(2) === 0 ? 1 : -1);
  if (typeof value === 'string') {
    const place = pick(value.length + 1);
    return pick(5) === 0
      ? `${value} `
      : `${value.slice(0, place)}${value[place] === 'x' ? 'y' : 'x'}${value.slice(place + 1)}`;
  }
  if (Array.isArray(value))
    return pick(2) === 0 ? [...value, [1, 1]] : value.length > 0 ? value.slice(1) : [[2, 2]];
  if (typeof value === 'object' && value !== null) {
    const key = one(Object.keys(value), pick);
    return pick(2) === 0 ? { ...value, forged: 1 } : { ...value, [key]: null, [`${key} `]: 1 };
  }
  return value === null ? 'forged' : null;
}
