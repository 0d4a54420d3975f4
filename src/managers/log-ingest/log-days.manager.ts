import { Inject } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../manager';

/** Days for which there is a partition beforehand. */
const AHEAD = 3;
/** Rows that one statement removes where they have no partition of their own. */
const BATCH = 5_000;

/**
 * Keeps a partition of the system events for each day to come, and drops those that are older than the settings say:
 * a day goes at once, however much was logged on it.
 */
@ControlLoop()
export class LogDays implements Manager {
  readonly name = 'log-days';
  readonly intervalMs = 600_000;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    await this.db.query('SELECT make_system_event_days($1)', [AHEAD]);
    const { keep_days: keepDays } = this.settings.current().logs;
    const [dropped] = await this.db.query<{ days: number }>('SELECT drop_system_event_days($1) AS days', [
      keepDays,
    ]);
    let items = dropped?.days ?? 0;
    for (let removed = BATCH; removed === BATCH && !signal.aborted; items += removed)
      removed = await this.db.execute(
        `DELETE FROM system_events_rest WHERE (id, at) IN
           (SELECT id, at FROM system_events_rest WHERE at < now() - make_interval(days => $1) ORDER BY at LIMIT $2)`,
        [keepDays, BATCH],
      );
    // What is read a second time was stored a moment before, not the day before.
    await this.db.execute(`DELETE FROM log_entries WHERE at < now() - interval '1 day'`);
    return { items };
  }
}
