import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, IsString, Length, Max, Min } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { DEFAULT_POOL, MAX_WORKERS } from '../../../platform/settings/fleet.settings';
import { type PoolScaled, PoolScaling } from '../pools/pool-scaling';

@Action({
  name: 'worker.scale_down',
  views: ['agents-workers'],
  risk: 'standard',
  mode: 'operation',
  roles: ['operator'],
  dependsOn: ['postgres', 'redis'],
  summary: 'Take workers out of a pool',
  description:
    'Fewer workers in the pool, as a setting that is kept: the idlest go first, and end what they run or give it back. Never fewer than the least that the pool may have.',
  errors: ['POOL_NOT_FOUND', 'POOL_LIMIT_REACHED', 'CONFLICT', 'SERVICE_NOT_MANAGED', 'RUNTIME_UNAVAILABLE'],
  example: { pool: 'default', by: 1 },
  since: '1.0',
})
export class ScaleDownPool extends ActionCommand<PoolScaled> {
  /** Which pool. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  pool = DEFAULT_POOL;

  /** How many fewer. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_WORKERS)
  by = 1;
}

@CommandHandler(ScaleDownPool)
export class ScaleDownPoolHandler implements ActionHandler<ScaleDownPool> {
  constructor(@Inject(PoolScaling) private readonly scaling: PoolScaling) {}

  execute({ pool, by, context }: ScaleDownPool): Promise<PoolScaled> {
    return this.scaling.scale(pool, -by, context);
  }
}
