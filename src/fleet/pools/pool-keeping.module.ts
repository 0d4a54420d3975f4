import { Module } from '@nestjs/common';
import { FleetModule } from '../fleet.module';
import { WorkersModule } from '../workers/workers.module';
import { PoolKeeperManager } from './pool-keeper.manager';
import { PoolsModule } from './pools.module';

/** What a manager process does for the pools. Needs a driver. */
@Module({ imports: [FleetModule, PoolsModule, WorkersModule], providers: [PoolKeeperManager] })
export class PoolKeepingModule {}
