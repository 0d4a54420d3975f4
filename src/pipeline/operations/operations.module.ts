import { Module } from '@nestjs/common';
import { ExecutionRetention } from '../executions/execution-retention.manager';
import { ExecutionSweeper } from '../executions/execution-sweeper.manager';
import { PipelineModule } from '../pipeline.module';
import { OperationCircuits } from './operation-circuits';
import { OperationRunner } from './operation-runner';
import { OperationWorker } from './operation-worker';

/** What runs operations; for manager processes, which also import the categories. */
@Module({
  imports: [PipelineModule],
  providers: [OperationCircuits, OperationRunner, OperationWorker, ExecutionSweeper, ExecutionRetention],
})
export class OperationsModule {}
