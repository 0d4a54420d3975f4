import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsString, Length } from 'class-validator';
import type { RuntimeService } from '../../../fleet/runtime-driver';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { FrozenItem, Preview } from '../../../pipeline/preview/preview';
import { type RestartState, RollingRestart } from '../rolling-restart';

/** What a rolling restart did. */
export interface WorkersRestarted {
  pool: string | null;
  /** The services, in the order in which they were restarted. */
  restarted: readonly string[];
  /** Whether one was added for a while, because a pool had only one. */
  stand_in: boolean;
  /** With a preview token: those that were started anew since the preview, and were left alone. */
  left_alone?: number;
}

/** What the operation keeps. */
interface Kept extends RestartState {
  readonly left_alone?: number;
}

@Action({
  name: 'worker.restart_all',
  views: ['agents-workers'],
  risk: 'high',
  mode: 'operation',
  roles: ['operator'],
  dependsOn: ['redis'],
  summary: 'Restart all workers',
  description:
    'One after the other, each when another one of its pool is alive: at no moment are all of them down. Where a pool has only one, another stands in for it meanwhile. What a worker runs when its turn comes goes on for a while, and is then given to others. Stops at the first that does not come back.',
  errors: ['POOL_NOT_FOUND', 'SERVICE_NOT_MANAGED', 'RUNTIME_UNAVAILABLE'],
  example: { pool: 'default' },
  since: '1.0',
})
export class RestartAllWorkers extends ActionCommand<WorkersRestarted> {
  /** Only the workers of this pool. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  pool?: string;
}

@CommandHandler(RestartAllWorkers)
export class RestartAllWorkersHandler implements PreviewingHandler<RestartAllWorkers> {
  constructor(@Inject(RollingRestart) private readonly restart: RollingRestart) {}

  async preview({ pool }: RestartAllWorkers): Promise<Preview> {
    const targets = await this.restart.targets(pool);
    const pools = targets.map((target) => target.pool ?? '');
    const alone = pools.filter((one) => pools.indexOf(one) === pools.lastIndexOf(one));
    return {
      selection: targets.map(frozen),
      effects: targets.map(({ name }) => ({ target: name, effect: 'is restarted when its turn comes' })),
      warnings: alone.map((pool) => `The pool ${pool} has only one: another stands in for it meanwhile.`),
    };
  }

  async execute({ pool, context }: RestartAllWorkers): Promise<WorkersRestarted> {
    const begun = context.checkpoint.resume<Kept>() ?? (await this.begin(pool, context.selection));
    const { left_alone } = begun;
    const { restarted, stand_ins } = await this.restart.run(begun, {
      signal: context.signal,
      save: (state) => context.checkpoint.save({ ...state, left_alone }),
      progress: (progress) => context.progress(progress),
    });
    const drift = left_alone === undefined ? {} : { left_alone };
    return { pool: pool ?? null, restarted, stand_in: stand_ins.length > 0, ...drift };
  }

  private async begin(pool: string | undefined, selection?: readonly FrozenItem[]): Promise<Kept> {
    const found = await this.restart.targets(pool);
    const states = new Map(selection?.map(({ id, state }) => [id, state]));
    const chosen = selection ? found.filter((one) => states.get(one.name) === frozen(one).state) : found;
    const begun = { targets: chosen.map(({ name }) => name), restarted: [], stand_ins: [] };
    return selection ? { ...begun, left_alone: found.length - chosen.length } : begun;
  }
}

function frozen({ name, since }: RuntimeService): FrozenItem {
  return { id: name, state: since };
}
