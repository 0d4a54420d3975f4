import { Module } from '@nestjs/common';
import { FleetControl } from './fleet-control';
import { WorkerRegistry } from './worker-registry';

/** Which workers there are, and how to ask them, for whoever wants to know. */
@Module({ providers: [WorkerRegistry, FleetControl], exports: [WorkerRegistry, FleetControl] })
export class WorkersModule {}
