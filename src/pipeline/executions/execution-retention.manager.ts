import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { firstIdOf } from '../../platform/postgres/uuid-time';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';

/** Executions that one statement removes. */
const BATCH = 500;
const DAY_MS = 86_400_000;

/**
 * Removes executions with the answers that were stored for their keys, once they are older than the settings say, and
 * so than any key lives. The audit says for ever, or for as long as it is kept, what was done.
 *
 * Ids are ordered by time, so this walks along the primary key; each batch is a statement of its own, and passes over
 * rows that somebody is writing to.
 */
@ControlLoop()
export class ExecutionRetention implements Manager {
  readonly name = 'execution-retention';
  readonly intervalMs = 300_000;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    const before = new Date(Date.now() - this.settings.current().executions.keep_days * DAY_MS);
    let removed = 0;
    for (let batch = BATCH; batch === BATCH && !signal.aborted; removed += batch)
      batch = await this.db.execute(
        `DELETE FROM executions WHERE id IN (
           SELECT id FROM executions
            WHERE id < $1 AND status <> 'running' AND finished_at < $2
            ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)`,
        [firstIdOf(before), before, BATCH],
      );
    return { items: removed };
  }
}
