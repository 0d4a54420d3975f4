import { Module } from '@nestjs/common';
import { FleetModule } from '../../fleet/fleet.module';
import { PoolsModule } from '../../fleet/pools/pools.module';
import { WorkersModule } from '../../fleet/workers/workers.module';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { RestartAllWorkersHandler } from './actions/restart-all.action';
import { RollingRestart } from './rolling-restart';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [RestartAllWorkersHandler];

/** Actions on workers. */
@Category('workers')
@Module({ imports: [FleetModule, PoolsModule, WorkersModule], providers: [RollingRestart, ...ACTIONS] })
export class WorkersCategory {}
