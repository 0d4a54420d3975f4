import { Module } from '@nestjs/common';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { ExportsModule } from '../../pipeline/exports/exports.module';
import { PipelineModule } from '../../pipeline/pipeline.module';
import { ExportAuditHandler } from './actions/export-audit.action';
import { SearchAuditHandler } from './actions/search-audit.action';
import { StreamLogsHandler } from './actions/stream-realtime.action';
import { VerifyAuditHandler } from './actions/verify-audit.action';
import { AuditCheck } from './audit-check';
import { AuditExporter } from './audit-exporter';
import { AuditSearch } from './audit-search';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [ExportAuditHandler, SearchAuditHandler, StreamLogsHandler, VerifyAuditHandler];

/** Actions on logs and on the audit. */
@Category('logs')
@Module({
  imports: [PipelineModule, ExportsModule],
  providers: [AuditSearch, AuditCheck, AuditExporter, ...ACTIONS],
})
export class LogsCategory {}
