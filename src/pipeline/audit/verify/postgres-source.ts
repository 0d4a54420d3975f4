import { type AuditReader, entryPages, lastNumber, lastSeal, sealsFrom } from '../seals/stored';
import type { AuditItem, AuditSource } from './verification';

/** The audit as it is in Postgres now. Needs no snapshot: what is sealed does not change, unless somebody changes it. */
export class PostgresSource implements AuditSource {
  constructor(private readonly db: AuditReader) {}

  async *items(firstSeal: number): AsyncGenerator<AuditItem> {
    yield { type: 'scope', scope: { firstSeal: 1, toEnd: true } };
    let sealedTo: number | undefined;
    for await (const seal of sealsFrom(this.db, firstSeal)) {
      yield { type: 'seal', seal };
      // The first also answers for numbers that come before all others.
      const after = seal.number === 1 ? undefined : seal.from_seq - 1;
      for await (const page of entryPages(this.db, after, seal.to_seq))
        for (const entry of page) yield { type: 'entry', entry };
      sealedTo = seal.to_seq;
    }
    sealedTo ??= (await lastSeal(this.db))?.to_seq;
    for await (const page of entryPages(this.db, sealedTo))
      for (const entry of page) yield { type: 'unsealed', entry };
    // After the entries: none that has come meanwhile is taken for one that was slipped in.
    yield { type: 'end', lastNumber: await lastNumber(this.db) };
  }
}
