import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsInt,
  IsString,
  Length,
  Max,
  Min,
} from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { MAX_CONCURRENCY, MAX_WORKERS } from '../../../platform/settings/fleet.settings';
import { type PoolConfigured, PoolEditor } from '../pools/pool-editor';

@Action({
  name: 'worker.configure',
  views: ['agents-workers'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres', 'redis'],
  summary: 'Configure a pool of workers',
  description:
    'Changes what the workers of a pool do, without a restart: what they run goes on to its end. Each worker that is alive is asked to say that it goes by the change; one that does not will when it can. Bounds that the number of workers is out of change that too.',
  errors: ['POOL_NOT_FOUND'],
  example: { pool: 'default', concurrency: 2 },
  since: '1.0',
})
export class ConfigurePool extends ActionCommand<PoolConfigured> {
  /** Which pool. */
  @Recorded()
  @IsString()
  @Length(1, 100)
  pool!: string;

  /** Steps that each of its workers runs at a time. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_CONCURRENCY)
  concurrency?: number;

  /** The agents whose queues they serve. */
  @Recorded()
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(32)
  @ArrayUnique()
  @IsString({ each: true })
  agents?: string[];

  /** The fewest workers that it may have. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MAX_WORKERS)
  min?: number;

  /** The most. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MAX_WORKERS)
  max?: number;
}

@CommandHandler(ConfigurePool)
export class ConfigurePoolHandler implements ActionHandler<ConfigurePool> {
  constructor(@Inject(PoolEditor) private readonly editor: PoolEditor) {}

  execute({ pool, context, ...change }: ConfigurePool): Promise<PoolConfigured> {
    return this.editor.configure(pool, change, context);
  }
}
