import { type DynamicModule, Module } from '@nestjs/common';
import { WorkerModule } from '../fleet/workers/worker.module';
import { PlatformModule } from '../platform/platform.module';
import type { Env } from '../platform/settings/env';

/** What a worker process is made of. */
@Module({})
export class WorkerAppModule {
  static forRoot(env: Env): DynamicModule {
    return { module: WorkerAppModule, imports: [PlatformModule.forRoot(env), WorkerModule] };
  }
}
