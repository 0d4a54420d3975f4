import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsIn } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { EXPORT_FORMATS, type ExportFormat } from '../../../pipeline/exports/export-format';
import type { ExportedFile } from '../../../pipeline/exports/export-writer';
import { AuditExporter } from '../audit-exporter';
import { IsTimestamp } from '../../../platform/validation/timestamp';

@Action({
  name: 'logs.export_audit',
  views: ['system-logs'],
  risk: 'standard',
  mode: 'operation',
  roles: ['supervisor'],
  dependsOn: ['postgres', 'storage'],
  summary: 'Export the audit',
  description:
    'Streams the audit of a period into an artifact: rows, bytes, SHA-256, expiring signed download URL. NDJSON holds the whole of every seal that has a part in the period, so that npm run audit:verify can check it anywhere with the public keys; CSV holds the entries of the period, each with its seal and leaf, and cells that a spreadsheet would run as a formula are neutralised.',
  errors: ['STORAGE_FULL', 'STORAGE_REFUSED'],
  example: { after: '2026-01-01T00:00:00Z', before: '2027-01-01T00:00:00Z', format: 'ndjson' },
  since: '1.0',
})
export class ExportAudit extends ActionCommand<ExportedFile> {
  /** Written at or after this time; from the beginning, if not given. */
  @Recorded()
  @MayBeAbsent()
  @IsTimestamp()
  after?: string;

  /** Written before this time; to the end, if not given. */
  @Recorded()
  @MayBeAbsent()
  @IsTimestamp()
  before?: string;

  /** Of the file. */
  @Recorded()
  @MayBeAbsent()
  @IsIn(EXPORT_FORMATS)
  format: ExportFormat = 'ndjson';
}

@CommandHandler(ExportAudit)
export class ExportAuditHandler implements ActionHandler<ExportAudit> {
  constructor(@Inject(AuditExporter) private readonly exporter: AuditExporter) {}

  execute({ after, before, format, context }: ExportAudit): Promise<ExportedFile> {
    return this.exporter.export({ after: after ?? null, before: before ?? null, format }, context);
  }
}
