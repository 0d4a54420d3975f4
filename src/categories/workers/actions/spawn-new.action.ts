import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsString, Length, Matches, MaxLength } from 'class-validator';
import { MAX_WORKER_NAME, WORKER_NAME } from '../../../fleet/worker-names';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { DEFAULT_POOL } from '../../../platform/settings/fleet.settings';
import { PoolScaling, type WorkerSpawned } from '../pools/pool-scaling';

@Action({
  name: 'worker.spawn_new',
  views: ['agents-workers'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres', 'redis'],
  summary: 'Start one more worker',
  description:
    'One more worker in the pool, under a name of its own; answers when it is ready. Where the settings say how many workers the pool has, they say one more from then on.',
  errors: [
    'POOL_NOT_FOUND',
    'WORKER_EXISTS',
    'POOL_LIMIT_REACHED',
    'CONFLICT',
    'SERVICE_NOT_MANAGED',
    'RUNTIME_UNAVAILABLE',
  ],
  example: { pool: 'default', name: 'night-shift' },
  since: '1.0',
})
export class SpawnWorker extends ActionCommand<WorkerSpawned> {
  /** Which pool. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  pool = DEFAULT_POOL;

  /** What it is to be called: lower-case words with hyphens; the next number of the pool if not given. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Matches(WORKER_NAME)
  @MaxLength(MAX_WORKER_NAME)
  name?: string;
}

@CommandHandler(SpawnWorker)
export class SpawnWorkerHandler implements ActionHandler<SpawnWorker> {
  constructor(@Inject(PoolScaling) private readonly scaling: PoolScaling) {}

  execute({ pool, name, context }: SpawnWorker): Promise<WorkerSpawned> {
    return this.scaling.spawn(pool, name, context);
  }
}
