import type { VerifyingKey } from '../../../platform/security/audit-keys';
import type { SealedFields } from '../leaf';
import { type Checkpoint, isCheckpointSignedBy } from '../seals/checkpoint';
import { isSignedBy, NO_SEAL, type Seal, sealHash } from '../seals/seal';
import type { Tombstone } from '../seals/tombstone';
import { Retired, type RetiredEnd } from './retired';
import { Segment } from './segment';
import { type AuditSource, type Finding, Findings, type Scope, type Verification } from './verification';
import { Witnesses } from './witnesses';

/** What the chain of tombstones and seals has led to. */
type ChainEnd = RetiredEnd;

type SeqRange = readonly [from: number, to: number];

/** What a verification may be told of while it goes on. */
export interface VerifyOptions {
  /** Go on from this seal instead of the first. */
  readonly fromSeal?: number;
  /** Called after each seal. May throw to end the verification. */
  readonly onSeal?: (seal: Seal, entries: number) => void;
}

/**
 * Verifies an audit with nothing but public keys and, to see a cut-off tail, checkpoints. Reads each seal and its
 * entries once, whatever the length, in memory for one seal.
 */
export class AuditVerifier {
  private readonly findings = new Findings();
  private readonly result = { seals: 0, entries: 0, unsealed: 0, retired: 0, first: null as number | null };
  private scope: Scope = { firstSeal: 1, toEnd: true };
  private end: ChainEnd | undefined;
  private segment: Segment | undefined;
  /** Whether what comes next may be an entry of the seal that came last. */
  private underSeal = false;
  private highestSeq = 0;
  private readonly retired: Retired;

  private constructor(
    private readonly keys: ReadonlyMap<string, VerifyingKey>,
    private readonly witnesses: Witnesses,
  ) {
    this.retired = new Retired(keys, witnesses, this.findings);
  }

  /** Verifies all that the source gives. @throws what the source throws, and nothing else */
  static async verify(
    source: AuditSource,
    keys: readonly VerifyingKey[],
    checkpoints: AsyncIterable<Checkpoint>,
    options: VerifyOptions = {},
  ): Promise<Verification> {
    const byId = new Map(keys.map((key) => [key.kid, key]));
    // Before the audit is read: what they name must be there by then.
    const verifier = new AuditVerifier(byId, await Witnesses.read(checkpoints));
    return verifier.run(source, options);
  }

  private async run(source: AuditSource, { fromSeal = 1, onSeal }: VerifyOptions): Promise<Verification> {
    let lastNumber: number | undefined;
    for await (const item of source.items(fromSeal)) {
      if (item.type === 'scope') this.enter(item.scope, fromSeal);
      else if (item.type === 'tombstone') this.addTombstone(item.tombstone);
      else if (item.type === 'seal') {
        this.closeSegment(onSeal);
        this.addSeal(item.seal);
      } else if (item.type === 'entry') this.addEntry(item.entry);
      else if (item.type === 'unsealed') {
        this.closeSegment(onSeal);
        this.addUnsealed(item.entry.seq);
      } else if (item.type === 'damaged') this.findings.add('unreadable', null, null, item.message);
      else lastNumber = item.lastNumber;
    }
    this.closeSegment(onSeal);
    this.checkContradiction();
    this.checkEnd();
    if (lastNumber !== undefined && this.highestSeq > lastNumber)
      this.slippedIn(this.highestSeq, `no entry was given a number over ${lastNumber}`);
    return this.verification();
  }

  private enter(scope: Scope, fromSeal: number): void {
    this.scope = { ...scope, firstSeal: Math.max(scope.firstSeal, fromSeal) };
    if (scope.checkpoint) this.witnesses.add(scope.checkpoint);
  }

  private addTombstone(tombstone: Tombstone): void {
    const end = this.retired.add(tombstone);
    this.underSeal = false;
    this.result.retired += tombstone.entries;
    // Where only later seals are looked at, their chain does not go on from here.
    if (this.scope.firstSeal <= end.number + 1) this.end = end;
  }

  private addSeal(seal: Seal): void {
    const previous = this.end;
    const hash = sealHash(seal);
    const finding = this.checkSeal(seal, hash, previous);
    this.end = { number: seal.number, toSeq: seal.to_seq, hash, finding };
    this.result.first ??= seal.number;
    this.result.seals += 1;
    this.underSeal = true;
    // What a false seal says of its entries is worth nothing.
    this.segment = finding ? undefined : new Segment(seal);
  }

  /** Says what is wrong with the seal itself; the first thing that is. */
  private checkSeal(seal: Seal, hash: Buffer, previous: ChainEnd | undefined): Finding | undefined {
    this.checkMissing(seal, previous);
    const expected = this.expectedPrev(seal, previous);
    const linked = expected === undefined || seal.prev.equals(expected);
    const seqs = rangeOf(seal, previous);
    const forged = this.signatureFault(seal);
    if (forged) return this.forged(seal, seqs, forged, expected && linked ? previous : undefined);
    // If the seal before was found to be false, it is that one which does not fit.
    if (!linked && !previous?.finding)
      return this.findings.add(
        'chain_rewritten',
        seal.number,
        seqs,
        `Seal ${seal.number} does not follow from seal ${seal.number - 1}.`,
      );
    return this.checkWitness(seal, seqs, hash);
  }

  /** What the seal must name as the one before; undefined if that is not known. */
  private expectedPrev(seal: Seal, previous: ChainEnd | undefined): Buffer | undefined {
    if (seal.number === 1) return NO_SEAL;
    if (previous) return previous.number === seal.number - 1 ? previous.hash : undefined;
    const witness = this.witnesses.of(seal.number - 1);
    return witness && this.isGenuine(witness) ? witness.hash : undefined;
  }

  private checkMissing(seal: Seal, previous: ChainEnd | undefined): void {
    const expected = previous ? previous.number + 1 : this.scope.firstSeal;
    if (seal.number > expected) {
      const from = previous ? previous.toSeq + 1 : expected === 1 ? 1 : null;
      const seqs = from !== null && from < seal.from_seq ? ([from, seal.from_seq - 1] as const) : null;
      this.missing(expected, seal.number - 1, seqs);
    } else if (seal.number < expected)
      this.findings.add(
        'seal_altered',
        seal.number,
        null,
        `Seal ${seal.number} is there twice or out of order.`,
      );
  }

  private signatureFault(seal: Seal): string | undefined {
    const key = this.keys.get(seal.key_id);
    if (!key) return `is signed with ${seal.key_id}, which is none of the public keys given`;
    return isSignedBy(seal, key.publicKey) ? undefined : 'is not what was signed';
  }

  /** One false seal may have been altered; one that builds upon another false one was made by the same hand. */
  private forged(seal: Seal, seqs: SeqRange, fault: string, linkedTo: ChainEnd | undefined): Finding {
    const before = linkedTo?.finding;
    if (before) {
      before.kind = 'chain_rewritten';
      before.to_seq = seqs[1];
      before.message = `From seal ${before.seal} to ${seal.number} the seals were replaced by others: seal ${seal.number} ${fault}.`;
      return before;
    }
    const kind = this.keys.has(seal.key_id) ? 'seal_altered' : 'chain_rewritten';
    return this.findings.add(kind, seal.number, seqs, `Seal ${seal.number} ${fault}.`);
  }

  private checkWitness(seal: Seal, seqs: SeqRange, hash: Buffer): Finding | undefined {
    const checkpoint = this.witnesses.of(seal.number);
    if (!checkpoint || checkpoint.hash.equals(hash)) return undefined;
    if (!this.isGenuine(checkpoint)) {
      this.checkpointAltered(checkpoint);
      return undefined;
    }
    return this.findings.add(
      'chain_rewritten',
      seal.number,
      seqs,
      `Seal ${seal.number} is not the one that its checkpoint names.`,
    );
  }

  private addEntry(entry: SealedFields): void {
    this.highestSeq = Math.max(this.highestSeq, entry.seq);
    if (this.underSeal) this.segment?.add(entry);
    else this.slippedIn(entry.seq, 'it stands under no seal');
  }

  private addUnsealed(seq: number): void {
    this.result.unsealed += 1;
    this.underSeal = false;
    this.highestSeq = Math.max(this.highestSeq, seq);
    if (this.end && seq <= this.end.toSeq)
      this.slippedIn(seq, `the seals up to ${this.end.toSeq} do not know it`);
  }

  private closeSegment(onSeal: VerifyOptions['onSeal']): void {
    const { segment } = this;
    if (!segment) return;
    this.segment = undefined;
    segment.report(this.findings);
    this.result.entries += segment.verified;
    onSeal?.(segment.seal, this.result.entries);
  }

  /** Whether all is there that must be. */
  private checkEnd(): void {
    const last = this.end ?? { number: this.scope.firstSeal - 1, toSeq: 0 };
    const { lastSeal } = this.scope;
    if (lastSeal !== undefined && lastSeal > last.number) this.missing(last.number + 1, lastSeal, null);
    const witness = this.lastWitness();
    if (!witness || witness.number <= last.number) return;
    if (!this.isGenuine(witness)) this.checkpointAltered(witness);
    else if (this.highestSeq < witness.to_seq)
      this.findings.add(
        'tail_cut',
        last.number + 1,
        [Math.max(last.toSeq, this.highestSeq) + 1, witness.to_seq],
        `The end was cut off: there was a seal ${witness.number} over entries up to ${witness.to_seq}, and the last seal is ${last.number}.`,
      );
    else this.missing(last.number + 1, witness.number, [last.toSeq + 1, witness.to_seq]);
  }

  private checkContradiction(): void {
    const { contradiction } = this.witnesses;
    if (!contradiction) return;
    const forged = contradiction.find((one) => !this.isGenuine(one));
    if (forged) return this.checkpointAltered(forged);
    const [{ number, to_seq: to }] = contradiction;
    const from = (this.witnesses.of(number - 1)?.to_seq ?? 0) + 1;
    this.findings.add(
      'chain_rewritten',
      number,
      [from, Math.max(from, to)],
      `Two checkpoints, both signed with our keys, name different seals ${number}: one of them was put in place of the other.`,
    );
  }

  /** The newest checkpoint that the audit must reach. */
  private lastWitness(): Checkpoint | undefined {
    const { readAt, checkpoint, toEnd } = this.scope;
    // A part that ends before the end says nothing about it.
    if (!toEnd) return undefined;
    if (readAt === undefined) return this.witnesses.newest;
    const inTime = this.witnesses.newestUntil(readAt);
    return inTime && (!checkpoint || inTime.number > checkpoint.number) ? inTime : checkpoint;
  }

  private missing(from: number, to: number, seqs: readonly [number, number] | null): void {
    const which = from === to ? `Seal ${from} is` : `Seals ${from} to ${to} are`;
    this.findings.add('seal_missing', from, seqs, `${which} missing.`);
  }

  private slippedIn(seq: number, why: string): void {
    this.findings.add('slipped_in', null, [seq, seq], `Entry ${seq} was slipped in: ${why}.`);
  }

  private checkpointAltered({ number }: Checkpoint): void {
    this.findings.add(
      'checkpoint_altered',
      number,
      null,
      `The checkpoint of seal ${number} is not signed by any of the public keys given.`,
    );
  }

  private isGenuine(checkpoint: Checkpoint): boolean {
    const key = this.keys.get(checkpoint.key_id);
    return key !== undefined && isCheckpointSignedBy(checkpoint, key.publicKey);
  }

  private verification(): Verification {
    const { seals, entries, unsealed, retired, first } = this.result;
    return {
      intact: this.findings.total === 0,
      seals,
      first_seal: first,
      last_seal: seals > 0 ? (this.end?.number ?? null) : null,
      entries,
      unsealed,
      retired,
      witnessed_seal: this.witnesses.newest?.number ?? null,
      first: this.findings.first,
      findings: this.findings.listed,
      findings_total: this.findings.total,
    };
  }
}

/** The entries that a seal is about. Where it begins is not taken from the seal, if that can be helped: it may be false. */
function rangeOf(seal: Seal, previous: ChainEnd | undefined): SeqRange {
  // One that bears the number of another seal stands behind that, too.
  const follows = previous !== undefined && seal.number <= previous.number + 1;
  const from = follows ? previous.toSeq + 1 : seal.number === 1 ? 1 : seal.from_seq;
  return [from, Math.max(from, seal.to_seq)];
}
