import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline.module';
import { AuditSealer } from './audit-sealer.manager';
import { SealTrail } from './seals/seal-trail';

/** What seals the audit; for manager processes. */
@Module({ imports: [PipelineModule], providers: [SealTrail, AuditSealer] })
export class AuditSealingModule {}
