import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline.module';
import { AuditNews } from './audit-news';
import { AuditRetention } from './audit-retention.manager';
import { AuditSealer } from './audit-sealer.manager';
import { SealTrail } from './seals/seal-trail';

/** What seals the audit, tells of it and lets go of what is too old; for manager processes. */
@Module({ imports: [PipelineModule], providers: [SealTrail, AuditNews, AuditSealer, AuditRetention] })
export class AuditSealingModule {}
