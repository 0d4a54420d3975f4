import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport } from '../../../managers/manager';
import { RUNTIME_DRIVER } from '../../fleet.module';
import type { SwarmDriver } from './swarm-driver';

/** Makes workers that were added by scaling follow a deploy; runs where the driver is that of the Swarm. */
@ControlLoop()
export class SwarmClonesManager implements Manager {
  readonly name = 'swarm-clones';
  readonly intervalMs = 10_000;

  constructor(@Inject(RUNTIME_DRIVER) private readonly driver: SwarmDriver) {}

  async run(): Promise<ManagerReport> {
    return { items: (await this.driver.align()) ? 1 : 0 };
  }
}
