import { Inject, Module } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt } from 'class-validator';
import { setTimeout as delay } from 'node:timers/promises';
import { AbortOperationHandler } from '../../../src/categories/system/actions/abort-operation.action';
import { Action } from '../../../src/pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../src/pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../src/pipeline/catalogue/action-handler';
import { Category } from '../../../src/pipeline/catalogue/category.decorator';
import { mayStop } from '../../../src/pipeline/catalogue/stopped-early';
import { PipelineModule } from '../../../src/pipeline/pipeline.module';
import { Db } from '../../../src/platform/postgres/db';

const declaration = (name: string) => ({
  name,
  views: ['dashboard' as const],
  risk: 'standard' as const,
  mode: 'operation' as const,
  roles: ['readonly' as const],
  dependsOn: ['postgres' as const],
  summary: 'Count',
  description: 'Counts.',
  errors: [],
  example: { items: 3, pause_ms: 1 },
  since: '1.0',
});

/** Bulk work as it should be: an effect and a checkpoint per item, a safe point before each. */
@Action(declaration('test.count'))
export class Count extends ActionCommand<{ items: number }> {
  @IsInt() items!: number;
  @IsInt() pause_ms!: number;
}

/** Counts in table `counted`: one row per item and run. */
@CommandHandler(Count)
export class CountHandler implements ActionHandler<Count> {
  constructor(@Inject(Db) private readonly db: Db) {}

  async execute({ items, pause_ms, context }: Count): Promise<{ items: number }> {
    const { executionId, checkpoint, signal } = context;
    for (let item = checkpoint.resume<{ next: number }>()?.next ?? 0; item < items; item++) {
      mayStop(signal, () => ({ done: item, not_done: items - item }));
      await this.db.transaction(async (tx) => {
        await tx.execute('INSERT INTO counted VALUES ($1, $2, $3)', [executionId, item, process.pid]);
        await delay(pause_ms);
        await checkpoint.save({ next: item + 1 }, tx);
      });
      context.progress({ done: item + 1, total: items });
    }
    return { items };
  }
}

/** Says nothing and hears nothing until the row `item = -1` is there. */
@Action({ ...declaration('test.deaf'), example: {} })
export class Deaf extends ActionCommand<object> {}

/** See {@link Deaf}. */
@CommandHandler(Deaf)
export class DeafHandler implements ActionHandler<Deaf> {
  constructor(@Inject(Db) private readonly db: Db) {}

  async execute({ context }: Deaf): Promise<object> {
    const sql = 'SELECT FROM counted WHERE execution_id = $1 AND item = -1';
    while ((await this.db.query(sql, [context.executionId])).length === 0) await delay(20);
    return {};
  }
}

/** As {@link Deaf}, and says so. */
@Action({ ...declaration('test.stubborn'), example: {}, abortable: false })
export class Stubborn extends ActionCommand<object> {}

/** See {@link Stubborn}. */
@CommandHandler(Stubborn)
export class StubbornHandler implements ActionHandler<Stubborn> {
  execute(): Promise<object> {
    return Promise.resolve({});
  }
}

/** Says what it was told of its run, for whoever may run it and for users on what is theirs. */
@Action({ ...declaration('test.tell'), roles: [], example: {}, ownScope: true })
export class Tell extends ActionCommand<object> {}

/** See {@link Tell}. */
@CommandHandler(Tell)
export class TellHandler implements ActionHandler<Tell> {
  execute({ context: { ownerId, reason, actor, traceId } }: Tell): Promise<object> {
    return Promise.resolve({ ownerId, reason, userId: actor.userId, traceId });
  }
}

/** Operations of the tests, and what stops them. */
@Category('system')
@Module({
  imports: [PipelineModule],
  providers: [CountHandler, DeafHandler, StubbornHandler, TellHandler, AbortOperationHandler],
})
export class CountingCategory {}

/** What they count in. */
export const COUNTED = 'CREATE TABLE counted (execution_id uuid, item int, pid int)';
