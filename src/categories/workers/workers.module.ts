import { Module } from '@nestjs/common';
import { FleetModule } from '../../fleet/fleet.module';
import { PoolsModule } from '../../fleet/pools/pools.module';
import { WorkersModule } from '../../fleet/workers/workers.module';
import { FlowModule } from '../../media/flow/flow.module';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { ConfigurePoolHandler } from './actions/configure.action';
import { CreateGenericPoolHandler } from './actions/create-generic.action';
import { RestartAllWorkersHandler } from './actions/restart-all.action';
import { ScaleDownPoolHandler } from './actions/scale-down.action';
import { ScaleUpPoolHandler } from './actions/scale-up.action';
import { SpawnWorkerHandler } from './actions/spawn-new.action';
import { PoolEditor } from './pools/pool-editor';
import { PoolScaling } from './pools/pool-scaling';
import { RollingRestart } from './rolling-restart';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [
  ConfigurePoolHandler,
  CreateGenericPoolHandler,
  RestartAllWorkersHandler,
  ScaleDownPoolHandler,
  ScaleUpPoolHandler,
  SpawnWorkerHandler,
];

/** Actions on workers. */
@Category('workers')
@Module({
  imports: [FleetModule, FlowModule, PoolsModule, WorkersModule],
  providers: [PoolEditor, PoolScaling, RollingRestart, ...ACTIONS],
})
export class WorkersCategory {}
