import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { removeEnded } from '../../platform/postgres/remove-ended';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';

/**
 * Removes executions with the answers that were stored for their keys, once they are older than the settings say, and
 * so than any key lives. The audit says for ever, or for as long as it is kept, what was done.
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
    const { keep_days: keepDays } = this.settings.current().executions;
    const ended = `status <> 'running' AND finished_at < $2`;
    return { items: await removeEnded(this.db, { table: 'executions', ended, keepDays }, signal) };
  }
}
