import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { Pulse } from '../../platform/process/pulse';
import { RunningSteps } from './running-steps';
import { WorkerControl } from './worker-control';
import { WorkerDuty } from './worker-duty';
import { WorkerHeartbeat } from './worker-heartbeat';
import { DRAIN_MS, WorkerRuntime } from './worker-runtime';
import { WorkerTroubles } from './worker-troubles';
import { WorkerVitals } from './worker-vitals';
import { WorkersModule } from './workers.module';

/** What makes a process a worker: it takes steps from the queues once the application has started. */
@Module({
  imports: [FlowModule, WorkersModule],
  providers: [
    Pulse,
    RunningSteps,
    WorkerDuty,
    WorkerTroubles,
    WorkerVitals,
    WorkerHeartbeat,
    WorkerRuntime,
    WorkerControl,
    { provide: DRAIN_MS, useValue: 20_000 },
  ],
})
export class WorkerModule {}
