import type { VerifyingKey } from '../../../platform/security/audit-keys';
import { type Checkpoint, isCheckpointSignedBy } from '../seals/checkpoint';
import { NO_SEAL } from '../seals/seal';
import { isTombstoneSignedBy, type Tombstone } from '../seals/tombstone';
import type { Finding, Findings } from './verification';
import type { Witnesses } from './witnesses';

/** Where the chain of tombstones ends, and that of the seals goes on. */
export interface RetiredEnd {
  /** Of the last seal that is retired. */
  readonly number: number;
  readonly toSeq: number;
  readonly hash: Buffer;
  /** What was found wrong with the last tombstone. */
  readonly finding?: Finding;
}

/** The tombstones of an audit, each compared with the one before, with its signature and with its checkpoint. */
export class Retired {
  private end: RetiredEnd = { number: 0, toSeq: 0, hash: NO_SEAL };

  constructor(
    private readonly keys: ReadonlyMap<string, VerifyingKey>,
    private readonly witnesses: Witnesses,
    private readonly findings: Findings,
  ) {}

  /** Takes the next one. @returns where the chain of seals goes on */
  add(tombstone: Tombstone): RetiredEnd {
    const { to_seal: number, to_seq: toSeq, hash } = tombstone;
    const fault = this.faultOf(tombstone);
    const finding = fault === undefined ? undefined : this.report(tombstone, fault);
    this.end = { number, toSeq, hash, finding };
    return this.end;
  }

  private faultOf(tombstone: Tombstone): string | undefined {
    const { from_seal: from, to_seal: to, hash, prev } = tombstone;
    const key = this.keys.get(tombstone.key_id);
    if (!key) return `is signed with ${tombstone.key_id}, which is none of the public keys given`;
    if (!isTombstoneSignedBy(tombstone, key.publicKey)) return 'is not what was signed';
    // If the one before was found to be false, it is that one which does not fit.
    const follows = from === this.end.number + 1 && prev.equals(this.end.hash);
    if (!follows && !this.end.finding) return `does not follow from seal ${this.end.number}`;
    const checkpoint = this.witnesses.of(to);
    if (checkpoint && this.isGenuine(checkpoint) && !checkpoint.hash.equals(hash))
      return `does not name the seal ${to} that its checkpoint names`;
    return undefined;
  }

  private report({ from_seal, to_seal, from_seq, to_seq }: Tombstone, fault: string): Finding {
    return this.findings.add(
      'tombstone_altered',
      from_seal,
      [from_seq, to_seq],
      `The tombstone of seals ${from_seal} to ${to_seal} ${fault}.`,
    );
  }

  private isGenuine(checkpoint: Checkpoint): boolean {
    const key = this.keys.get(checkpoint.key_id);
    return key !== undefined && isCheckpointSignedBy(checkpoint, key.publicKey);
  }
}
