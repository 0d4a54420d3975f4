import { Module } from '@nestjs/common';
import { ENV, type Env } from '../platform/settings/env';
import type { DockerAddress } from '../platform/settings/runtime-env';
import { ProcessDriver } from './drivers/process/process-driver';
import type { RuntimeDriver } from './runtime-driver';

/** Injection token of the {@link RuntimeDriver} of this installation; null where nothing runs its processes for it. */
export const RUNTIME_DRIVER = Symbol('RUNTIME_DRIVER');

/** Only a Swarm's processes load the client of Docker: it is a tenth of all that is loaded at the start. */
async function swarmDriver(docker: DockerAddress, stack: string): Promise<RuntimeDriver> {
  const [{ DockerEngine }, { SwarmDriver }] = await Promise.all([
    import('./drivers/swarm/docker-engine.js'),
    import('./drivers/swarm/swarm-driver.js'),
  ]);
  return new SwarmDriver(new DockerEngine(docker), stack);
}

function runtimeDriver({ runtime }: Env): RuntimeDriver | null | Promise<RuntimeDriver> {
  switch (runtime.kind) {
    case 'process':
      return new ProcessDriver(runtime.socket);
    case 'swarm':
      return swarmDriver(runtime.docker, runtime.stack);
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
