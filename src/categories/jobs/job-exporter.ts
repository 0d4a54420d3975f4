import { Inject, Injectable } from '@nestjs/common';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import type { ExportFormat } from '../../pipeline/exports/export-format';
import { type ExportedFile, type ExportPart, ExportWriter } from '../../pipeline/exports/export-writer';
import type { JobFilter } from './job-filter.dto';
import { header, lines } from './job-lines';
import { JobRows } from './job-rows';

/** What to export. */
export interface JobExportOrder {
  filter: JobFilter;
  format: ExportFormat;
  includeSteps: boolean;
}

/** Writes jobs into an artifact, a page at a time. */
@Injectable()
export class JobExporter {
  constructor(
    @Inject(JobRows) private readonly jobs: JobRows,
    @Inject(ExportWriter) private readonly writer: ExportWriter,
  ) {}

  /** Exports; `rows` of the answer are jobs. */
  async export(order: JobExportOrder, context: ActionContext): Promise<ExportedFile> {
    const total = await this.jobs.count(order.filter);
    return this.writer.write(
      { name: 'jobs', format: order.format, total, parts: this.parts(order) },
      context,
    );
  }

  private async *parts({ filter, format, includeSteps }: JobExportOrder): AsyncGenerator<ExportPart> {
    yield { text: header(format, includeSteps), rows: 0 };
    for await (const page of this.jobs.pages(filter, includeSteps))
      yield { text: lines(format, page), rows: page.length };
  }
}
