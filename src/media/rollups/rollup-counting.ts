import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { prepared } from '../../platform/postgres/statement';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { type Grain, METRICS, type Metric, countersOf, rollupsOf } from './metrics';

/** What no window of readers goes back further than: a day, and the hour in which it began. */
const KEEP_MINUTES_H = 26;
/** Of times of steps only the last hour is looked at by the minute, and these are most of the rows. */
const KEEP_MINUTES_OF_TIMES_H = 3;
const TIMES: readonly Metric[] = ['step.wait', 'step.run'];

/** The taking out and the counting are one statement: both happen, or neither. */
const COUNT = prepared(`
WITH taken AS (
  DELETE FROM rollup_changes WHERE seq IN (SELECT seq FROM rollup_changes ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED)
  RETURNING *
), stored AS (
  INSERT INTO rollups (grain, metric, at, subject, bucket, count)
  ${rollupsOf(countersOf('taken'), {
    minute: `make_interval(hours => ${KEEP_MINUTES_H})`,
    hour: 'make_interval(days => $2)',
    day: 'make_interval(days => $3)',
  })}
  ON CONFLICT (grain, metric, at, subject, bucket) DO UPDATE SET count = rollups.count + excluded.count
)
SELECT count(*)::int AS count FROM taken`);

const FORGET = `DELETE FROM rollups WHERE grain = $1 AND metric = ANY ($2) AND at < now() - make_interval(hours => $3)`;

/** Counts changes into the roll-ups, each exactly once, and removes roll-ups that have become too old. */
@Injectable()
export class RollupCounting {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /** Counts so many changes at most, the oldest first; how many there were. */
  async count(limit: number): Promise<number> {
    const { hours_kept_days: hours, days_kept_days: days } = this.settings.current().read_model;
    const [row] = await this.db.query<{ count: number }>(COUNT, [limit, hours, days]);
    return row?.count ?? 0;
  }

  /** Removes what is older than is kept; the number of rows. */
  async forget(): Promise<number> {
    const { hours_kept_days: hours, days_kept_days: days } = this.settings.current().read_model;
    const old = (grain: Grain, metrics: readonly Metric[], keptH: number) =>
      this.db.execute(FORGET, [grain, metrics, keptH]);
    return (
      (await old('minute', TIMES, KEEP_MINUTES_OF_TIMES_H)) +
      (await old('minute', METRICS, KEEP_MINUTES_H)) +
      (await old('hour', METRICS, hours * 24)) +
      (await old('day', METRICS, days * 24))
    );
  }
}
