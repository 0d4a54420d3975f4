import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { type Health, HealthCheck } from '../health/health-check';

@Action({
  name: 'system.health_check',
  views: ['system-controls'],
  risk: 'read',
  mode: 'sync',
  roles: ['operator', 'supervisor', 'readonly'],
  // None: what is broken is what it is there to tell.
  dependsOn: [],
  summary: 'Check the health of everything',
  description:
    'Postgres, Redis, queues, workers, managers, storage, disk, migrations, clock skew and breakers, each with status, latency and what to do about it.',
  errors: [],
  example: {},
  since: '1.0',
})
export class CheckHealth extends ActionCommand<Health> {}

@CommandHandler(CheckHealth)
export class CheckHealthHandler implements ActionHandler<CheckHealth> {
  constructor(@Inject(HealthCheck) private readonly health: HealthCheck) {}

  execute(_command: CheckHealth): Promise<Health> {
    return this.health.run();
  }
}
