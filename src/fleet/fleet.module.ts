import { Module } from '@nestjs/common';
import { ENV, type Env } from '../platform/settings/env';
import { ProcessDriver } from './drivers/process/process-driver';
import { DockerEngine } from './drivers/swarm/docker-engine';
import { SwarmDriver } from './drivers/swarm/swarm-driver';
import type { RuntimeDriver } from './runtime-driver';

/** Injection token of the {@link RuntimeDriver} of this installation; null where nothing runs its processes for it. */
export const RUNTIME_DRIVER = Symbol('RUNTIME_DRIVER');

function runtimeDriver({ runtime }: Env): RuntimeDriver | null {
  switch (runtime.kind) {
    case 'process':
      return new ProcessDriver(runtime.socket);
    case 'swarm':
      return new SwarmDriver(new DockerEngine(runtime.docker), runtime.stack);
    case 'none':
      return null;
  }
}

/** What starts, stops and scales the services of this installation. */
@Module({
  providers: [{ provide: RUNTIME_DRIVER, useFactory: runtimeDriver, inject: [ENV] }],
  exports: [RUNTIME_DRIVER],
})
export class FleetModule {}
