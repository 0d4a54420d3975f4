import { Inject, Injectable } from '@nestjs/common';
import { FleetControl } from '../../../fleet/workers/fleet-control';
import { WorkerRegistry } from '../../../fleet/workers/worker-registry';
import { AgentRegistry } from '../../../media/flow/agent-registry';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { AppError } from '../../../platform/errors/app-error';
import { Db } from '../../../platform/postgres/db';
import type { SettingChange } from '../../../platform/settings/patch';
import {
  RuntimeSettings,
  type SavedSettings,
  type SettingsAuthor,
  type SettingsChange,
} from '../../../platform/settings/runtime-settings';
import { configuration, creation, type NewPool, type PoolChange } from './pool-changes';

/** A change of a pool that was saved. */
export interface PoolSaved {
  pool: string;
  /** The version of the settings that it was saved as. */
  settings_version: number;
  changes: readonly SettingChange[];
}

/** How a worker took it. */
export interface Acknowledgement {
  worker_id: string;
  /** Whether it goes by the change now. */
  acknowledged: boolean;
  /** Why not; it will within a second of being able to. */
  error: string | null;
}

/** A change that the workers have been asked about. */
export interface PoolConfigured extends PoolSaved {
  workers: Acknowledgement[];
}

/** Changes the settings of pools on behalf of an operator. */
@Injectable()
export class PoolEditor {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(WorkerRegistry) private readonly registry: WorkerRegistry,
    @Inject(FleetControl) private readonly fleet: FleetControl,
  ) {}

  /**
   * Makes a pool, within the action's transaction.
   *
   * @throws AppError POOL_EXISTS, AGENT_NOT_FOUND, VALIDATION_ERROR
   */
  async create(pool: NewPool, context: ActionContext): Promise<PoolSaved> {
    const saved = await context.transaction((tx) =>
      ofPayload(pool.name, async () => {
        const done = await this.settings.update(creation(this.agents, pool), authorOf(context), tx);
        return { pool: pool.name, settings_version: done.version, changes: done.changes };
      }),
    );
    await this.settings.announce(saved.settings_version);
    return saved;
  }

  /**
   * Changes a pool, and has each of its workers say that it goes by the change.
   *
   * @throws AppError POOL_NOT_FOUND, VALIDATION_ERROR
   */
  async configure(pool: string, change: PoolChange, context: ActionContext): Promise<PoolConfigured> {
    const saved =
      context.checkpoint.resume<PoolSaved>() ??
      (await this.save(pool, configuration(pool, change), context, ({ version, changes }) => ({
        pool,
        settings_version: version,
        changes,
      })));
    const { settings_version } = saved;
    const workers = (await this.registry.list()).filter((worker) => worker.pool === pool);
    const answers = await this.fleet.ask(
      'worker.configure',
      { settings_version },
      workers.map(({ worker_id }) => worker_id),
    );
    return {
      ...saved,
      workers: answers.map((answer) => ({
        worker_id: answer.worker_id,
        acknowledged: answer.answered,
        error: answer.answered ? null : answer.error,
      })),
    };
  }

  /**
   * Saves a change of a pool as a new version of the settings, in force at once: together with what `keep` makes of it
   * as the action's checkpoint, so that it is saved once, and by nobody who has lost the claim.
   *
   * @returns what was kept
   * @throws what the change throws, VALIDATION_ERROR, ClaimLost
   */
  async save<K extends object>(
    pool: string,
    change: SettingsChange,
    context: ActionContext,
    keep: (saved: SavedSettings) => K,
  ): Promise<K> {
    const { version, kept } = await ofPayload(pool, () =>
      this.db.transaction(async (tx) => {
        const saved = await this.settings.update(change, authorOf(context), tx);
        const kept = keep(saved);
        await context.checkpoint.save(kept, tx);
        return { version: saved.version, kept };
      }),
    );
    await this.settings.announce(version);
    return kept;
  }
}

function authorOf({ actor, reason }: ActionContext): SettingsAuthor {
  return { authorId: actor.userId, comment: reason };
}

/** Names what is wrong where the caller has it: in the payload. */
async function ofPayload<T>(pool: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError) || !error.details) throw error;
    const details = error.details.map(({ path, message }) => ({
      path: path
        .replace(`settings.fleet.pools.${pool}`, 'payload')
        .replace(/^settings\.fleet\.pools$/, 'payload.agents'),
      message,
    }));
    throw new AppError(error.code, error.message, { details, cause: error });
  }
}
