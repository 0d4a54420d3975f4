import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsInt,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import {
  MAX_CONCURRENCY,
  MAX_POOL_NAME,
  MAX_WORKERS,
  POOL_NAME,
} from '../../../platform/settings/fleet.settings';
import { PoolEditor, type PoolSaved } from '../pools/pool-editor';

@Action({
  name: 'worker.create_generic',
  views: ['agents-workers'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres'],
  summary: 'Create a pool of workers',
  description:
    'Makes a pool whose workers serve the queues of these agents; where something starts and stops processes, they are started within seconds. Other pools go on serving what they did.',
  errors: ['POOL_EXISTS', 'AGENT_NOT_FOUND'],
  example: { name: 'rendering', agents: ['clip-renderer'], concurrency: 2, replicas: 1 },
  since: '1.0',
})
export class CreateGenericPool extends ActionCommand<PoolSaved> {
  /** What it is called: lower-case words with hyphens. */
  @Recorded()
  @IsString()
  @Matches(POOL_NAME)
  @MaxLength(MAX_POOL_NAME)
  name!: string;

  /** The agents whose queues its workers serve. */
  @Recorded()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(32)
  @ArrayUnique()
  @IsString({ each: true })
  agents!: string[];

  /** Steps that each of them runs at a time. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_CONCURRENCY)
  concurrency = 2;

  /** How many workers it has. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MAX_WORKERS)
  replicas = 1;

  /** The fewest that it may have. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MAX_WORKERS)
  min = 0;

  /** The most that it may have. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MAX_WORKERS)
  max = 8;
}

@CommandHandler(CreateGenericPool)
export class CreateGenericPoolHandler implements ActionHandler<CreateGenericPool> {
  constructor(@Inject(PoolEditor) private readonly editor: PoolEditor) {}

  execute({ context, ...pool }: CreateGenericPool): Promise<PoolSaved> {
    return this.editor.create(pool, context);
  }
}
