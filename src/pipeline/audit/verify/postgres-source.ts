import { type AuditReader, entryPages, lastNumber, lastSeal, sealsFrom } from '../seals/stored';
import { tombstones } from '../seals/stored-tombstones';
import type { AuditItem, AuditSource } from './verification';

/**
 * The audit as it is in Postgres now. Needs no snapshot: what is sealed does not change, unless somebody changes it, and
 * what is retired is not removed before a day has passed.
 */
export class PostgresSource implements AuditSource {
  /** @param lastSeal to look only at what is sealed up to this one */
  constructor(
    private readonly db: AuditReader,
    private readonly lastSeal?: number,
  ) {}

  async *items(firstSeal: number): AsyncGenerator<AuditItem> {
    const whole = this.lastSeal === undefined;
    yield { type: 'scope', scope: { firstSeal: 1, lastSeal: this.lastSeal, toEnd: whole } };
    let retired = { to_seal: 0, to_seq: 0 };
    for (const tombstone of await tombstones(this.db)) {
      yield { type: 'tombstone', tombstone };
      retired = tombstone;
    }
    let sealedTo = yield* this.segments(Math.max(firstSeal, retired.to_seal + 1));
    if (!whole) return;
    sealedTo ??= (await lastSeal(this.db))?.to_seq ?? (retired.to_seq || undefined);
    for await (const page of entryPages(this.db, sealedTo))
      for (const entry of page) yield { type: 'unsealed', entry };
    // After the entries: none that has come meanwhile is taken for one that was slipped in.
    yield { type: 'end', lastNumber: await lastNumber(this.db) };
  }

  /** @returns the last number that is sealed, if there was a seal */
  private async *segments(first: number): AsyncGenerator<AuditItem, number | undefined> {
    let sealedTo: number | undefined;
    for await (const seal of sealsFrom(this.db, first)) {
      if (this.lastSeal !== undefined && seal.number > this.lastSeal) break;
      yield { type: 'seal', seal };
      // The first also answers for numbers that come before all others.
      const after = seal.number === 1 ? undefined : seal.from_seq - 1;
      for await (const page of entryPages(this.db, after, seal.to_seq))
        for (const entry of page) yield { type: 'entry', entry };
      sealedTo = seal.to_seq;
    }
    return sealedTo;
  }
}
