import { Module } from '@nestjs/common';
import { WorkersModule } from '../../fleet/workers/workers.module';
import { FlowModule } from '../../media/flow/flow.module';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { PipelineModule } from '../../pipeline/pipeline.module';
import { AbortOperationHandler } from './actions/abort-operation.action';
import { CheckHealthHandler } from './actions/check-health.action';
import { ToggleMaintenanceHandler } from './actions/toggle-maintenance.action';
import { FlowChecks } from './health/flow-checks';
import { HealthCheck } from './health/health-check';
import { ServerChecks } from './health/server-checks';
import { WorkerCheck } from './health/worker-check';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [AbortOperationHandler, CheckHealthHandler, ToggleMaintenanceHandler];

/** Actions on the whole system. */
@Category('system')
@Module({
  imports: [PipelineModule, FlowModule, WorkersModule],
  providers: [ServerChecks, WorkerCheck, FlowChecks, HealthCheck, ...ACTIONS],
})
export class SystemCategory {}
