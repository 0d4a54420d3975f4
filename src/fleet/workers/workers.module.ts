import { Module } from '@nestjs/common';
import { WorkerRegistry } from './worker-registry';

/** Which workers are alive, for whoever wants to know. */
@Module({ providers: [WorkerRegistry], exports: [WorkerRegistry] })
export class WorkersModule {}
