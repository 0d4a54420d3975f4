import { Module } from '@nestjs/common';
import { SwarmClonesManager } from './drivers/swarm/swarm-clones.manager';
import { FleetModule } from './fleet.module';

/** What a manager process does for a Swarm. Needs the Swarm's driver. */
@Module({ imports: [FleetModule], providers: [SwarmClonesManager] })
export class SwarmKeepingModule {}
