import { Module } from '@nestjs/common';
import { FleetModule } from '../fleet/fleet.module';
import { FlowModule } from '../media/flow/flow.module';
import { RollupsModule } from '../media/rollups/rollups.module';
import { WorkersModule } from '../fleet/workers/workers.module';
import { CircuitsModule } from '../pipeline/breaker/circuits.module';
import { CacheWarmer } from './cache-warmer.manager';
import { AnalyticsCollector } from './sections/analytics.collector';
import { JobsCollector } from './sections/jobs.collector';
import { LogsCollector } from './sections/logs.collector';
import { ManagersCollector } from './sections/managers.collector';
import { QueuesCollector } from './sections/queues.collector';
import { ServicesCollector } from './sections/services.collector';
import { StandingFailures } from './sections/standing-failures';
import { SystemCollector } from './sections/system.collector';
import { WorkersCollector } from './sections/workers.collector';
import { SnapshotBuilder } from './snapshot-builder';
import { SnapshotBuilds } from './snapshot-builds';
import { SnapshotStore } from './snapshot-store';

const COLLECTORS = [
  JobsCollector,
  WorkersCollector,
  QueuesCollector,
  AnalyticsCollector,
  LogsCollector,
  ManagersCollector,
  ServicesCollector,
  SystemCollector,
];

/** The read model and its warmer, without HTTP; the manager process imports it as it is. */
@Module({
  imports: [FleetModule, FlowModule, RollupsModule, WorkersModule, CircuitsModule],
  providers: [...COLLECTORS, StandingFailures, SnapshotBuilder, SnapshotStore, SnapshotBuilds, CacheWarmer],
  exports: [SnapshotStore, SnapshotBuilds],
})
export class SsotModule {}
