import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { RunningSteps } from './running-steps';
import { WorkerHeartbeat } from './worker-heartbeat';
import { DRAIN_MS, WorkerRuntime } from './worker-runtime';
import { WorkersModule } from './workers.module';

/** What makes a process a worker: it takes steps from the queues once the application has started. */
@Module({
  imports: [FlowModule, WorkersModule],
  providers: [RunningSteps, WorkerHeartbeat, WorkerRuntime, { provide: DRAIN_MS, useValue: 20_000 }],
})
export class WorkerModule {}
