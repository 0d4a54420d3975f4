import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../../platform/postgres/db';
import { AuditKeys, type VerifyingKey } from '../../../platform/security/audit-keys';
import { SigningKeys } from '../../../platform/security/signing-keys';
import { ENV, type Env } from '../../../platform/settings/env';
import { isCheckpointSignedBy, makeCheckpoint } from './checkpoint';
import { CheckpointFile } from './checkpoint-file';
import { isSignedBy, NO_SEAL, type Seal, sealHash, type SealingKey } from './seal';
import { chainFrom, lastSeal } from './stored';
import { newestTombstone } from './stored-tombstones';
import { isTombstoneSignedBy } from './tombstone';

/** The seals in Postgres are not those that were made. The message says how that can be told. */
export class AuditBroken extends Error {
  override name = 'AuditBroken';
}

/** Where the next seal goes on. */
export interface SealedUpTo {
  readonly number: number;
  readonly to_seq: number;
  readonly hash: Buffer;
}

const NOTHING: SealedUpTo = { number: 0, to_seq: 0, hash: NO_SEAL };

/** The seals together with their checkpoints outside Postgres. */
@Injectable()
export class SealTrail {
  private readonly file: CheckpointFile;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(AuditKeys) private readonly keys: AuditKeys,
    @Inject(SigningKeys) private readonly secrets: SigningKeys,
    @Inject(ENV) env: Env,
  ) {
    this.file = new CheckpointFile(env.auditCheckpointFile);
  }

  /**
   * The newest seal, once it is certain that the table holds what the file has witnessed, and after it nothing but
   * seals of ours, each upon the other. Those get the checkpoints that they lack: whoever made them died in between,
   * or wrote to a file on another machine.
   *
   * @throws AuditBroken if not; then nothing may be sealed, lest our signature makes it good
   */
  async consistentEnd(): Promise<SealedUpTo> {
    const [witness, newest] = [await this.file.latest(), await lastSeal(this.db)];
    if (!witness && !newest) return NOTHING;
    const keys = await this.keys.verifying();
    if (witness) {
      const key = keys.find(({ kid }) => kid === witness.key_id);
      if (!key || !isCheckpointSignedBy(witness, key.publicKey))
        throw new AuditBroken(`The checkpoint of seal ${witness.number} is not signed by a key of ours.`);
      if (!newest || newest.number < witness.number)
        throw new AuditBroken(
          `Seal ${witness.number}, which the checkpoints name, is gone; the last one is ${newest?.number ?? 0}.`,
        );
    }
    return this.catchUp(witness?.number ?? 0, witness?.hash, keys);
  }

  /** Witnesses a seal that is committed. */
  async witness(seal: Seal, key: SealingKey): Promise<void> {
    const origin = `agentos-${this.secrets.secret('audit origin').toString('hex').slice(0, 16)}`;
    await this.file.append(makeCheckpoint(seal, origin, key));
  }

  private async catchUp(
    witnessed: number,
    hash: Buffer | undefined,
    keys: readonly VerifyingKey[],
  ): Promise<SealedUpTo> {
    let end = await this.retiredEnd(witnessed, keys);
    for await (const seal of chainFrom(this.db, Math.max(end.number + 1, witnessed))) {
      if (seal.number === witnessed) {
        if (hash && !sealHash(seal).equals(hash))
          throw new AuditBroken(`Seal ${seal.number} is not the one that its checkpoint names.`);
      } else {
        this.checkNext(seal, end, keys);
        await this.witness(seal, await this.keys.signing());
      }
      end = { number: seal.number, to_seq: seal.to_seq, hash: sealHash(seal) };
    }
    return end;
  }

  /** Where the seals begin whose predecessors are retired, if nothing newer than that was witnessed. */
  private async retiredEnd(witnessed: number, keys: readonly VerifyingKey[]): Promise<SealedUpTo> {
    const tombstone = await newestTombstone(this.db);
    if (!tombstone || tombstone.to_seal < witnessed) return NOTHING;
    const key = keys.find(({ kid }) => kid === tombstone.key_id);
    if (!key || !isTombstoneSignedBy(tombstone, key.publicKey))
      throw new AuditBroken(`The tombstone up to seal ${tombstone.to_seal} is not signed by a key of ours.`);
    return { number: tombstone.to_seal, to_seq: tombstone.to_seq, hash: tombstone.hash };
  }

  private checkNext(seal: Seal, before: SealedUpTo, keys: readonly VerifyingKey[]): void {
    const key = keys.find(({ kid }) => kid === seal.key_id);
    if (!key || !isSignedBy(seal, key.publicKey))
      throw new AuditBroken(`Seal ${seal.number} has no checkpoint and is not signed by a key of ours.`);
    if (seal.number !== before.number + 1 || !seal.prev.equals(before.hash))
      throw new AuditBroken(
        `Seal ${seal.number} has no checkpoint and does not follow seal ${before.number}.`,
      );
  }
}
