import { Inject, Injectable } from '@nestjs/common';
import { type SeqRange, seqRangeOf } from '../../pipeline/audit/audit-period';
import { LEAF_COLUMNS, leafHash, type SealedFields } from '../../pipeline/audit/leaf';
import { checkpointLine } from '../../pipeline/audit/seals/checkpoint';
import { CheckpointFile } from '../../pipeline/audit/seals/checkpoint-file';
import type { Seal } from '../../pipeline/audit/seals/seal';
import { entryPages, lastSeal, sealOver, sealsFrom } from '../../pipeline/audit/seals/stored';
import { tombstones } from '../../pipeline/audit/seals/stored-tombstones';
import {
  EXPORT_FORMAT,
  entryLine,
  exportLine,
  sealLine,
  tombstoneLine,
} from '../../pipeline/audit/verify/export-lines';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { PersonalFields } from '../../pipeline/audit/subjects/personal-fields';
import { type Cell, csvLines, type ExportFormat } from '../../pipeline/exports/export-format';
import { type ExportedFile, type ExportPart, ExportWriter } from '../../pipeline/exports/export-writer';
import { Db } from '../../platform/postgres/db';
import { ENV, type Env } from '../../platform/settings/env';

/** What to export. */
export interface AuditExportOrder {
  /** ISO 8601; null for the beginning. */
  after: string | null;
  /** ISO 8601; null for the end. */
  before: string | null;
  format: ExportFormat;
}

/** A seal of the export with the pages of its entries, or the entries that come after the last seal. */
type Piece = { seal: Seal | undefined; pages: AsyncIterable<SealedFields[]> };

/** Writes the audit with its seals into an artifact. */
@Injectable()
export class AuditExporter {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(ExportWriter) private readonly writer: ExportWriter,
    @Inject(PersonalFields) private readonly personal: PersonalFields,
    @Inject(ENV) private readonly env: Env,
  ) {}

  /** Exports; `rows` of the answer are entries. */
  async export(order: AuditExportOrder, context: ActionContext): Promise<ExportedFile> {
    const range = await seqRangeOf(this.db, order.after, order.before);
    const total = range ? range.to - range.from + 1 : 0;
    const parts = order.format === 'csv' ? this.csv(range, order) : this.ndjson(range, order);
    return this.writer.write({ name: 'audit', format: order.format, total, parts }, context);
  }

  /** Whole seals, so that it can be verified wherever it is taken. */
  private async *ndjson(
    range: SeqRange | undefined,
    { after, before }: AuditExportOrder,
  ): AsyncGenerator<ExportPart> {
    const exportedAt = new Date().toISOString();
    // Before the seals are read: those that it names must be there then.
    const witness = await new CheckpointFile(this.env.auditCheckpointFile).latest();
    const [first, last] = await this.sealRange(range);
    yield {
      text: exportLine({
        type: 'header',
        format: EXPORT_FORMAT,
        exported_at: exportedAt,
        after,
        before,
        first_seal: first?.number ?? null,
        last_seal: last?.number ?? null,
        checkpoint: witness ? checkpointLine(witness).trimEnd() : null,
      }),
      rows: 0,
    };
    const counts = { tombstones: 0, seals: 0, entries: 0 };
    for (const tombstone of await tombstones(this.db)) {
      // What has been retired since this began is in here, and is not removed before a day has passed.
      if (first && tombstone.to_seal >= first.number) break;
      counts.tombstones += 1;
      yield { text: tombstoneLine(tombstone), rows: 0 };
    }
    for await (const { seal, pages } of this.pieces(range, first, last)) {
      if (seal) {
        counts.seals += 1;
        yield { text: sealLine(seal), rows: 0 };
      }
      for await (const page of pages) {
        counts.entries += page.length;
        const text = page.map((entry) => entryLine(entry, seal !== undefined)).join('');
        yield { text, rows: page.length };
      }
    }
    yield { text: exportLine({ type: 'end', ...counts }), rows: 0 };
  }

  /** The entries of the period alone, as people read them, each with its seal's number and its leaf. */
  private async *csv(
    range: SeqRange | undefined,
    { after, before }: AuditExportOrder,
  ): AsyncGenerator<ExportPart> {
    yield { text: csvLines([[...LEAF_COLUMNS, 'seal', 'leaf']]), rows: 0 };
    const from = after === null ? -Infinity : Date.parse(after);
    const to = before === null ? Infinity : Date.parse(before);
    const fits = ({ at }: SealedFields): boolean => Date.parse(at) >= from && Date.parse(at) < to;
    const [first, last] = await this.sealRange(range);
    for await (const { seal, pages } of this.pieces(range, first, last))
      for await (const page of pages) {
        const entries = page.filter(fits);
        const readable = await this.personal.open(entries);
        const rows = entries.map((entry, index) => csvRow(entry, readable[index] ?? entry, seal?.number));
        yield { text: csvLines(rows), rows: rows.length };
      }
  }

  private async *pieces(
    range: SeqRange | undefined,
    first: Seal | undefined,
    last: Seal | undefined,
  ): AsyncGenerator<Piece> {
    if (!range) return;
    if (first && last)
      for await (const seal of sealsFrom(this.db, first.number)) {
        if (seal.number > last.number) break;
        yield { seal, pages: entryPages(this.db, seal.from_seq - 1, seal.to_seq) };
      }
    const rest = last ? Math.max(last.to_seq, range.from - 1) : range.from - 1;
    yield { seal: undefined, pages: entryPages(this.db, rest, range.to) };
  }

  /** The first and the last seal over a range of entries. */
  private async sealRange(range: SeqRange | undefined): Promise<[Seal | undefined, Seal | undefined]> {
    if (!range) return [undefined, undefined];
    const first = await sealOver(this.db, range.from);
    return first
      ? [first, (await sealOver(this.db, range.to)) ?? (await lastSeal(this.db))]
      : [undefined, undefined];
  }
}

/** @param readable the entry as people read it */
function csvRow(entry: SealedFields, readable: SealedFields, seal: number | undefined): Cell[] {
  const cells = LEAF_COLUMNS.map((column) => {
    const value = readable[column];
    return value === null || typeof value === 'string' || typeof value === 'number'
      ? value
      : JSON.stringify(value);
  });
  return [...cells, seal ?? null, leafHash(entry).toString('hex')];
}
