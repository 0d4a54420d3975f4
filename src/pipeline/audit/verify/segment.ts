import { leafHash, type SealedFields } from '../leaf';
import { merkleRoot, splitLeaves } from '../seals/merkle';
import { type Seal, sealedSeqs } from '../seals/seal';
import type { Findings } from './verification';

/** Entries that do not fit and are kept to find out where they came from: bounds time and memory. */
const MAX_KEPT = 30;

/** The entries of one seal, compared with what it vouches for. */
export class Segment {
  /** Leaves by number, of entries that have not been seen yet. */
  private readonly expected = new Map<number, Buffer>();
  private readonly wrong: SealedFields[] = [];
  private readonly seen: Buffer[] = [];
  private last = -Infinity;
  private outOfOrder: number | undefined;
  /** Entries that are as they were sealed. */
  verified = 0;

  /** Whether the seal's list of leaves is the one that was sealed, so that each entry can be compared. */
  private readonly leavesHold: boolean;

  constructor(readonly seal: Seal) {
    const leaves = splitLeaves(seal.leaves);
    const seqs = sealedSeqs(seal);
    this.leavesHold = seqs !== undefined && merkleRoot(leaves).equals(seal.root);
    if (!this.leavesHold || !seqs) return;
    for (const [index, seq] of seqs.entries()) this.expected.set(seq, leaves[index] ?? Buffer.alloc(0));
  }

  /** Takes the next entry. */
  add(entry: SealedFields): void {
    if (entry.seq <= this.last) this.outOfOrder ??= entry.seq;
    this.last = Math.max(this.last, entry.seq);
    const leaf = leafHash(entry);
    if (!this.leavesHold) {
      this.seen.push(leaf);
      return;
    }
    const expected = this.expected.get(entry.seq);
    if (expected?.equals(leaf)) {
      this.expected.delete(entry.seq);
      this.verified += 1;
    } else this.wrong.push(this.wrong.length < MAX_KEPT ? entry : ({ seq: entry.seq } as SealedFields));
  }

  /** Says what is wrong with the entries, once all are there. */
  report(findings: Findings): void {
    if (!this.leavesHold) return this.reportLeaves(findings);
    const { number } = this.seal;
    const changed = new Set<number>();
    for (const entry of this.wrong) {
      const expected = this.expected.get(entry.seq);
      if (expected && !changed.has(entry.seq)) {
        changed.add(entry.seq);
        this.reportChanged(entry.seq, expected, changed.size, findings);
      } else {
        const message = `Entry ${entry.seq} was slipped in: seal ${number} knows no such entry.`;
        findings.add('slipped_in', number, [entry.seq, entry.seq], message);
      }
    }
    for (const [from, to] of ranges([...this.expected.keys()].filter((seq) => !changed.has(seq)))) {
      const which = from === to ? `Entry ${from} was` : `Entries ${from} to ${to} were`;
      findings.add('removed', number, [from, to], `${which} removed.`);
    }
    const alone = this.wrong.length === 0 && this.expected.size === 0;
    if (this.outOfOrder !== undefined && alone)
      findings.add(
        'reordered',
        number,
        [this.outOfOrder, this.outOfOrder],
        `Entry ${this.outOfOrder} is out of order.`,
      );
  }

  private reportChanged(seq: number, expected: Buffer, changedBefore: number, findings: Findings): void {
    const moved = this.wrong
      .slice(0, changedBefore < MAX_KEPT ? MAX_KEPT : 0)
      .find((other) => other.seq !== seq && leafHash({ ...other, seq }).equals(expected));
    const { number } = this.seal;
    if (moved)
      findings.add(
        'reordered',
        number,
        [seq, seq],
        `What entry ${seq} says now stands under number ${moved.seq}.`,
      );
    else findings.add('changed', number, [seq, seq], `Entry ${seq} was changed.`);
  }

  /** Without the leaves the entries can only be compared as a whole. */
  private reportLeaves(findings: Findings): void {
    const { number, from_seq: from, to_seq: to, root } = this.seal;
    const same = merkleRoot(this.seen).equals(root);
    this.verified = same ? this.seen.length : 0;
    if (same)
      findings.add(
        'seal_altered',
        number,
        null,
        `The list of leaves of seal ${number} was changed; its entries were not.`,
      );
    else
      findings.add(
        'changed',
        number,
        [from, to],
        `Among entries ${from} to ${to} some were changed, removed or slipped in, and the list of leaves of seal ${number} with them.`,
      );
  }
}

/** Ascending numbers as ranges. */
function ranges(seqs: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const seq of seqs) {
    const last = found.at(-1);
    if (last && last[1] === seq - 1) last[1] = seq;
    else found.push([seq, seq]);
  }
  return found;
}
