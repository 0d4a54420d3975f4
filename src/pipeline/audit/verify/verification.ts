import type { SealedFields } from '../leaf';
import type { Checkpoint } from '../seals/checkpoint';
import type { Seal } from '../seals/seal';
import type { Tombstone } from '../seals/tombstone';

/** What has happened to an audit. */
export type FindingKind =
  /** An entry does not say what was sealed. */
  | 'changed'
  /** An entry that was sealed is gone. */
  | 'removed'
  /** An entry stands where none was sealed. */
  | 'slipped_in'
  /** An entry stands in another's place. */
  | 'reordered'
  /** A seal is not the one that was signed. */
  | 'seal_altered'
  /** A seal is gone, and its entries with it or not. */
  | 'seal_missing'
  /** The newest seals and entries are gone. */
  | 'tail_cut'
  /** From a seal on, others were put in place of those that were made. */
  | 'chain_rewritten'
  /** A checkpoint is not the one that was signed. */
  | 'checkpoint_altered'
  /** A tombstone is not the one that was signed, or does not follow from the one before. */
  | 'tombstone_altered'
  /** A part of the export is damaged or missing. */
  | 'unreadable';

/** One thing that is wrong. */
export interface Finding {
  kind: FindingKind;
  /** The first entry concerned; null where that is no entry. */
  seq: number | null;
  /** The last entry concerned. */
  to_seq: number | null;
  /** The seal concerned, or the first of several. */
  seal: number | null;
  message: string;
}

/** What a verification came to. */
export interface Verification {
  /** Whether nothing is wrong. */
  intact: boolean;
  /** Seals that were looked at, and the numbers of the first and the last. */
  seals: number;
  first_seal: number | null;
  last_seal: number | null;
  /** Entries that their seals vouch for. */
  entries: number;
  /** Entries that are too new to be sealed: nothing vouches for them yet. */
  unsealed: number;
  /** Entries that were given up because their time was over, as signed tombstones say. */
  retired: number;
  /** The seal that the newest checkpoint names; null without checkpoints: a cut-off tail cannot be seen then. */
  witnessed_seal: number | null;
  /** The first bad entry, and what happened to it; null if there is none. */
  first: Finding | null;
  /** The first of what is wrong. */
  findings: Finding[];
  /** How much is wrong. */
  findings_total: number;
}

/** An audit to verify, piece by piece: a scope, the tombstones, then each seal with the entries of its range after it, then the rest. */
export type AuditItem =
  | { type: 'scope'; scope: Scope }
  | { type: 'tombstone'; tombstone: Tombstone }
  | { type: 'seal'; seal: Seal }
  | { type: 'entry'; entry: SealedFields }
  /** Newer than the last seal. */
  | { type: 'unsealed'; entry: SealedFields }
  /** Something that cannot be read as any of these. */
  | { type: 'damaged'; message: string }
  /** `lastNumber`: the highest number that was given to an entry, where that can be told. */
  | { type: 'end'; lastNumber?: number };

/** How much of the audit is there. */
export interface Scope {
  /** The seals that must be there; `lastSeal` if that is known. */
  readonly firstSeal: number;
  readonly lastSeal?: number;
  /** Whether it goes up to the newest seal. */
  readonly toEnd: boolean;
  /** The newest checkpoint that was known when the audit was read. */
  readonly checkpoint?: Checkpoint;
  /** Seals that were made after this need not be there, if it was not read just now; ISO 8601. */
  readonly readAt?: string;
  /** Of an export: when it was made and what was asked for, as it says itself. */
  readonly period?: { exported_at: string; after: string | null; before: string | null };
}

/** Where an audit is read from. */
export interface AuditSource {
  /** Its pieces from that seal on. */
  items(firstSeal: number): AsyncIterable<AuditItem>;
}

/** Findings that are listed one by one. */
const MAX_LISTED = 100;

/** Collects what is wrong. */
export class Findings {
  readonly listed: Finding[] = [];
  total = 0;
  first: Finding | null = null;

  /** @param seqs of the entries concerned, from and to */
  add(
    kind: FindingKind,
    seal: number | null,
    seqs: readonly [from: number, to: number] | null,
    message: string,
  ): Finding {
    const finding = { kind, seq: seqs?.[0] ?? null, to_seq: seqs?.[1] ?? null, seal, message };
    this.total += 1;
    if (this.listed.length < MAX_LISTED) this.listed.push(finding);
    if (this.first === null || (finding.seq ?? Infinity) < (this.first.seq ?? Infinity)) this.first = finding;
    return finding;
  }
}
