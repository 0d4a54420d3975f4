import { Inject, Injectable } from '@nestjs/common';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { CsvRows } from '../../pipeline/exports/csv-rows';
import { JsonRows } from '../../pipeline/exports/json-rows';
import { type ExportedFile, type ExportPart, ExportWriter } from '../../pipeline/exports/export-writer';
import { Db } from '../../platform/postgres/db';
import { cells, countSql, header, type JobExportOrder, rowsSql } from './job-export-sql';

/**
 * Writes jobs into an artifact. Their cells go from COPY's bytes to the file's: objects of a million jobs, made only
 * to be written, took six times as long.
 */
@Injectable()
export class JobExporter {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(ExportWriter) private readonly writer: ExportWriter,
  ) {}

  /** Exports; `rows` of the answer are the rows of the file, its header not among them. */
  async export(order: JobExportOrder, context: ActionContext): Promise<ExportedFile> {
    const total = await this.count(order);
    const { format } = order;
    return this.writer.write({ name: 'jobs', format, total, parts: this.parts(order) }, context);
  }

  private async count(order: JobExportOrder): Promise<number | undefined> {
    const count = countSql(order);
    if (!count) return undefined;
    const [row] = await this.db.query<{ total: number }>(count.sql, count.params);
    return row?.total;
  }

  private async *parts(order: JobExportOrder): AsyncGenerator<ExportPart> {
    yield { text: header(order), rows: 0 };
    const { sql, params } = rowsSql(order);
    const columns = cells(order);
    const text = order.format === 'ndjson' ? new JsonRows(columns) : new CsvRows(Object.values(columns));
    for await (const rows of this.db.copy(sql, params, text)) yield { text: text.taken(), rows };
  }
}
