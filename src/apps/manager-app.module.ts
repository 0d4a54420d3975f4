import { type DynamicModule, Module } from '@nestjs/common';
import { PoolKeepingModule } from '../fleet/pools/pool-keeping.module';
import { SwarmKeepingModule } from '../fleet/swarm-keeping.module';
import { LogIngestModule } from '../managers/log-ingest/log-ingest.module';
import { ManagersModule } from '../managers/managers.module';
import { FlowModule } from '../media/flow/flow.module';
import { MetricsRollupModule } from '../media/rollups/metrics-rollup.module';
import { UploadsModule } from '../media/uploads/uploads.module';
import { AuditSealingModule } from '../pipeline/audit/audit-sealing.module';
import { OperationsModule } from '../pipeline/operations/operations.module';
import { PlatformModule } from '../platform/platform.module';
import type { Env } from '../platform/settings/env';
import { SsotModule } from '../ssot/ssot.module';
import { SessionKeepingModule } from '../user-api/auth/session-keeping.module';
import { CATEGORIES } from './api.module';

/** What a manager process is made of: the control loops with what they serve, and the admin operations. */
@Module({})
export class ManagerAppModule {
  static forRoot(env: Env): DynamicModule {
    return {
      module: ManagerAppModule,
      imports: [
        PlatformModule.forRoot(env),
        ManagersModule,
        LogIngestModule,
        FlowModule,
        MetricsRollupModule,
        UploadsModule,
        OperationsModule,
        AuditSealingModule,
        SessionKeepingModule,
        ...CATEGORIES,
        SsotModule,
        ...(env.runtime.kind === 'none' ? [] : [PoolKeepingModule]),
        ...(env.runtime.kind === 'swarm' ? [SwarmKeepingModule] : []),
      ],
    };
  }
}
